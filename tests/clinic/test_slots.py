"""Free slots, compared with a slow and simple oracle, and through the API."""

import datetime as dt
import json
import zoneinfo
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic.bookings.slots import free, grid
from clinic.locations.calendar import Interval
from tests.clinic.factory import at, make_booking, make_diagnostic, make_doctor, make_location
from tests.people import Person

DAY = dt.timedelta(days=1)
MINUTE = 60
SLOTS = "/api/v1/slots/"

ZONES = (
    "UTC",
    "Europe/Berlin",  # changes at 02:00 and 03:00
    "America/New_York",
    "Australia/Lord_Howe",  # changes by half an hour
    "Africa/Cairo",  # changes at midnight
    "Asia/Kathmandu",  # 5:45 from UTC
    "Pacific/Apia",
)
DAYS = (
    dt.date(2026, 3, 29),
    dt.date(2026, 10, 25),
    dt.date(2026, 3, 8),
    dt.date(2026, 11, 1),
    dt.date(2026, 4, 5),
    dt.date(2026, 4, 24),
    dt.date(2026, 10, 30),
    dt.date(2026, 12, 31),
    dt.date(2028, 2, 29),
)
"""Days of clock changes in these time zones, the end of a year, a leap day."""

times = st.integers(0, 95).map(lambda quarter: dt.time(quarter // 4, quarter % 4 * 15))
spans = st.tuples(times, times)
weeks = st.dictionaries(st.integers(1, 7), st.lists(spans, max_size=2), max_size=7)
exceptions = st.dictionaries(st.integers(-2, 4), st.lists(spans, max_size=2), max_size=3)


def moment(day: dt.date, time: dt.time, zone: str) -> int:
    """RFC 5545: a skipped time has the offset before the change; a repeated time means the first occurrence."""
    return int(dt.datetime.combine(day, time, zoneinfo.ZoneInfo(zone)).timestamp())


def minutes(span: tuple[dt.time, dt.time], day: dt.date, zone: str) -> list[int]:
    """Return the minutes of one interval, as Unix seconds."""
    opens, closes = span
    start, end = moment(day, opens, zone), moment(day if closes > opens else day + DAY, closes, zone)
    return list(range(start, end, MINUTE))


def local_spans(week: Any, other: Any, day: dt.date) -> list[tuple[dt.time, dt.time]]:
    found: list[tuple[dt.time, dt.time]] = other[day] if day in other else week.get(day.isoweekday(), [])
    return found


def oracle(
    zone: str,
    own: tuple[Any, Any],
    location: tuple[Any, Any] | None,
    days: list[dt.date],
    duration: int,
    interval: int,
    buffer: int,
    busy: list[list[tuple[int, int]]],
    earliest: int,
) -> dict[int, int]:
    """Return the starts of the free slots of these days with their numbers of free stations, minute by minute."""
    near = [days[0] - 2 * DAY + n * DAY for n in range(len(days) + 4)]
    open_minutes = None
    if location is not None:
        open_minutes = {m for day in near for span in local_spans(*location, day) for m in minutes(span, day, zone)}
    found: dict[int, int] = {}
    for day in near:
        for span in local_spans(*own, day):
            present = minutes(span, day, zone)
            since = 0
            for n, minute in enumerate(present):
                if open_minutes is not None and minute not in open_minutes:
                    since = n + 1
                    continue
                visit = present[n : n + duration]
                whole = len(visit) == duration and (open_minutes is None or open_minutes.issuperset(visit))
                begins_on = dt.datetime.fromtimestamp(minute, zoneinfo.ZoneInfo(zone)).date()
                if (n - since) % interval or not whole or begins_on not in days or minute < earliest:
                    continue
                end = minute + (duration + buffer) * MINUTE
                count = sum(all(b <= minute or a >= end for a, b in station) for station in busy)
                if count:
                    found[minute] = count
    return found


def as_json(week: Any, other: Any) -> tuple[str, str]:
    def interval_of(span: tuple[dt.time, dt.time]) -> dict[str, str]:
        return {"opens": span[0].isoformat(), "closes": span[1].isoformat()}

    hours = [{"weekday": day, **interval_of(span)} for day, found in week.items() for span in found]
    days = [{"date": day.isoformat(), "intervals": [interval_of(s) for s in found]} for day, found in other.items()]
    return json.dumps(hours), json.dumps(days)


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_slots_match_the_oracle(data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(ZONES))
    first = data.draw(st.sampled_from(DAYS)) - data.draw(st.integers(0, 2)) * DAY
    days = [first + n * DAY for n in range(data.draw(st.integers(1, 4)))]

    def schedule() -> tuple[Any, Any]:
        return data.draw(weeks), {first + n * DAY: spans for n, spans in data.draw(exceptions).items()}

    own, location = schedule(), (schedule() if data.draw(st.booleans()) else None)
    duration, interval, buffer = (data.draw(st.integers(low, 20)) * 5 for low in (1, 1, 0))
    midnight = moment(first, dt.time(), zone)
    stations: list[list[tuple[int, int]]] = []
    for _ in range(data.draw(st.integers(1, 3))):
        taken, begin = [], midnight - data.draw(st.integers(0, 300)) * MINUTE
        for pause, length in data.draw(st.lists(st.tuples(st.integers(0, 600), st.integers(1, 300)), max_size=6)):
            taken.append((begin + pause * MINUTE, begin + (pause + length) * MINUTE))
            begin = taken[-1][1]
        stations.append(taken)
    earliest = midnight + data.draw(st.integers(-100, 2000)) * MINUTE

    made = grid(zone, as_json(*own), as_json(*location) if location else None, duration, interval)
    found = free(
        [slot for day in days for slot in made.on(day)],
        [[Interval(*one) for one in station] for station in stations],
        buffer_s=buffer * MINUTE,
        earliest=earliest,
    )
    got = {slot.start: count for slot, count in found}
    assert got == oracle(zone, own, location, days, duration, interval, buffer, stations, earliest)


def on(zone: str, day: dt.date, opens: str, closes: str, *, minutes: int = 60) -> list[str]:
    """Return the starts of that day's slots, with their UTC offsets."""
    hours = json.dumps([{"weekday": n, "opens": opens, "closes": closes} for n in range(1, 8)])
    return [slot.starts_at.strftime("%H:%M%z") for slot in grid(zone, (hours, "[]"), None, minutes, minutes).on(day)]


def test_a_skipped_hour_has_no_slot() -> None:
    assert on("Europe/Berlin", dt.date(2026, 3, 29), "01:00", "05:00") == ["01:00+0100", "03:00+0200", "04:00+0200"]


def test_a_repeated_hour_has_two_slots() -> None:
    got = on("Europe/Berlin", dt.date(2026, 10, 25), "01:00", "04:00")
    assert got == ["01:00+0200", "02:00+0200", "02:00+0100", "03:00+0100"]


def test_slots_after_midnight_belong_to_the_next_day() -> None:
    assert on("Europe/Berlin", dt.date(2026, 12, 31), "22:00", "02:00") == [
        "00:00+0100",
        "01:00+0100",
        "22:00+0100",
        "23:00+0100",
    ]


def test_a_day_with_a_clock_change_has_23_or_25_hours() -> None:
    days = [(dt.date(2026, 3, 29), 23), (dt.date(2026, 10, 25), 25), (dt.date(2026, 12, 31), 24)]
    assert [len(on("Europe/Berlin", day, "00:00", "00:00")) for day, _ in days] == [hours for _, hours in days]


# Through the API.


def slots(client: TestClient, path: str, **params: Any) -> list[dict[str, Any]]:
    response = client.get(SLOTS + path, params=params)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def test_slots_are_in_the_time_zone_of_the_location(client: TestClient) -> None:
    place = make_location(time_zone="Asia/Kathmandu", hours=[])
    day = (at(0) + 3 * DAY).date()
    opening = [{"weekday": day.isoweekday(), "opens": "09:00", "closes": "10:30"}]
    doctor = make_doctor(place, hours=opening)
    assert slots(client, f"doctors/{doctor.id}/", location_id=place.id) == []  # the location is closed
    client.put(f"/api/v1/working-hours/{place.id}/", json={"hours": opening}, headers={"If-Match": "*"})
    got = slots(client, f"doctors/{doctor.id}/", location_id=place.id, **{"from": day, "to": day})
    assert [slot["starts_at"] for slot in got] == [f"{day}T{time}:00+05:45" for time in ("09:00", "09:30", "10:00")]
    response = client.get(f"{SLOTS}doctors/{doctor.id}/", params={"location_id": place.id}).json()
    assert (response["time_zone"], response["location_id"]) == ("Asia/Kathmandu", place.id)


def test_a_booked_slot_and_its_buffer_are_not_free(client: TestClient, admin: Person) -> None:
    place = make_location(time_zone="UTC")
    doctor = make_doctor(place, buffer_minutes=10)
    day = {"from": at(2).date(), "to": at(2).date()}
    before = {slot["starts_at"] for slot in slots(client, f"doctors/{doctor.id}/", location_id=place.id, **day)}
    booking = make_booking(doctor, place, admin, at(2))
    left = {slot["starts_at"] for slot in slots(client, f"doctors/{doctor.id}/", location_id=place.id, **day)}
    gone = {dt.datetime.fromisoformat(starts_at).strftime("%H:%M") for starts_at in before - left}
    assert booking.starts_at == at(2)
    assert gone == {"09:30", "10:00"}  # the buffer of a booking at 9:30 would overlap it


def test_a_diagnostic_is_free_while_a_station_is_free(client: TestClient, admin: Person) -> None:
    place = make_location(time_zone="UTC")
    exam = make_diagnostic(place, room_for=2)
    make_booking(exam, place, admin, at(2))
    day = {"from": at(2).date(), "to": at(2).date()}
    got = {
        slot["starts_at"][11:16]: slot["free"]
        for slot in slots(client, f"diagnostics/{exam.id}/", location_id=place.id, **day)
    }
    assert (got["09:30"], got["10:00"], got["10:30"]) == (2, 1, 2)


def test_slots_respect_notice_and_horizon(client: TestClient) -> None:
    place = make_location(time_zone="UTC")
    doctor = make_doctor(place, notice_minutes=26 * 60, horizon_days=3)
    got = slots(client, f"doctors/{doctor.id}/", location_id=place.id, to=at(61).date())
    first, last = (dt.datetime.fromisoformat(got[n]["starts_at"]) for n in (0, -1))
    soonest = dt.datetime.now(dt.UTC) + dt.timedelta(hours=26)
    assert soonest - dt.timedelta(minutes=1) <= first <= soonest + dt.timedelta(minutes=30)
    assert last.date() == at(3).date()


def test_an_exception_replaces_the_weekly_hours(client: TestClient) -> None:
    place = make_location(time_zone="UTC")
    doctor = make_doctor(place)
    closed, short = at(2).date(), at(3).date()
    hours = client.get(f"/api/v1/working-hours/{place.id}/").json()["hours"]
    days = [{"date": str(closed)}, {"date": str(short), "intervals": [{"opens": "09:00", "closes": "10:00"}]}]
    put = client.put(
        f"/api/v1/working-hours/{place.id}/", json={"hours": hours, "exceptions": days}, headers={"If-Match": "*"}
    )
    assert (put.status_code, [day["date"] for day in put.json()["exceptions"]]) == (200, [str(closed), str(short)])
    got = slots(client, f"doctors/{doctor.id}/", location_id=place.id, **{"from": closed, "to": short})
    assert [slot["starts_at"][:16] for slot in got] == [f"{short}T09:00", f"{short}T09:30"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "2026-02-01", "to": "2026-01-31"}, "to"),
        ({"from": "2026-02-01", "to": "2026-04-04"}, "to"),
        ({"from": "tomorrow"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"location_id": ""}, "location_id"),
    ],
)
def test_invalid_days_are_refused(client: TestClient, params: dict[str, Any], field: str) -> None:
    place = make_location()
    doctor = make_doctor(place)
    response = client.get(f"{SLOTS}doctors/{doctor.id}/", params={"location_id": place.id} | params)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field)


def test_62_days_can_be_requested(client: TestClient) -> None:
    place = make_location()
    doctor = make_doctor(place)
    days = {"from": at(0).date(), "to": (at(0) + 61 * DAY).date()}
    assert len(slots(client, f"doctors/{doctor.id}/", location_id=place.id, **days)) > 58 * 48  # the horizon is 60 days


def test_slots_of_an_unknown_or_inactive_target_return_404(client: TestClient) -> None:
    place, other = make_location(), make_location()
    doctor = make_doctor(place)
    for path, location in (
        (f"doctors/{doctor.id}/", other.id),
        ("doctors/999/", place.id),
        ("diagnostics/9/", place.id),
    ):
        assert client.get(SLOTS + path, params={"location_id": location}).status_code == 404
    resting = make_doctor(place, is_active=False)
    assert client.get(f"{SLOTS}doctors/{resting.id}/", params={"location_id": place.id}).status_code == 404
