"""Many at once: nothing is double, nobody gets an error that is not theirs. The API is a process of its own."""

import asyncio
import collections
import random
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from clinic.bookings.models import TAKES_TIME, BookingStatus
from clinic.bookings.targets import Overlap
from clinic.doctors.models import Doctor
from clinic.locations.models import Location
from conf.db.session import open_session, write_engine
from iam.roles import Role
from tests.clinic.factory import at, make_booking, make_diagnostic, make_doctor, make_location, slot_request
from tests.conftest import SETTINGS, empty
from tests.people import Person, make_person
from tests.system import System, system

BOOKINGS = "/api/v1/bookings/"


@pytest.fixture
def campus(tmp_path: Path) -> Iterator[System]:
    """On the database of this process, so that tests can put things there."""
    empty()
    settings = {"PUBLIC_URL": SETTINGS["PUBLIC_URL"], "LIMITS_FACTOR": "0"}
    database_url, broker_url = SETTINGS["DATABASE_URL"], SETTINGS["BROKER_URL"]
    with system(tmp_path / "campus", database_url=database_url, broker_url=broker_url, **settings) as made:
        yield made


def people(count: int) -> list[Person]:
    return [make_person(Role.STUDENT, name=f"Patient{n}") for n in range(count)]


def together(campus: System, *calls: Any) -> list[httpx.Response]:
    """The answers to calls that are all under way at once."""

    async def run() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=campus.url, limits=limits, timeout=30, trust_env=False) as client:
            return list(await asyncio.gather(*(call(client) for call in calls)))

    return asyncio.run(run())


def booking(who: Person, body: dict[str, Any]) -> Any:
    def call(client: httpx.AsyncClient) -> Coroutine[Any, Any, httpx.Response]:
        return client.post(BOOKINGS, json=body, headers=who.headers)

    return call


def test_of_50_who_want_one_slot_one_gets_it_twenty_times_over(campus: System) -> None:
    place = make_location(time_zone="UTC")
    doctor = make_doctor(place)
    patients = people(50)
    for n in range(20):
        body = slot_request(doctor, place, at(2, hour=n))
        answers = together(campus, *(booking(who, body) for who in patients))
        assert collections.Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
        told = [len(answer.json()["next_slots"]) for answer in answers if answer.status_code == 409]
        assert told == [3] * 49


def test_of_24_who_want_a_diagnostic_with_room_for_3_exactly_3_get_it(campus: System) -> None:
    place = make_location(time_zone="UTC")
    exam = make_diagnostic(place, room_for=3)
    body = {"diagnostic_id": exam.id, "location_id": place.id, "starts_at": at(2).isoformat()}
    answers = together(campus, *(booking(who, body) for who in people(24)))
    assert collections.Counter(answer.status_code for answer in answers) == {201: 3, 409: 21}


def test_one_patient_at_many_doctors_at_once_gets_one(campus: System) -> None:
    place = make_location(time_zone="UTC")
    (patient,) = people(1)
    calls = [booking(patient, slot_request(make_doctor(place), place, at(2))) for _ in range(12)]
    assert collections.Counter(answer.status_code for answer in together(campus, *calls)) == {201: 1, 409: 11}


SECONDS = 10
TAKING = "('pending', 'booked', 'arrived', 'fulfilled')"
OVERLAPS = f"""
SELECT count(*) FROM bookings a JOIN bookings b ON a.id < b.id AND a.{{column}} = b.{{column}}
AND a.starts_at < b.{{until}} AND b.starts_at < a.{{until}}
WHERE a.status IN {TAKING} AND b.status IN {TAKING}
"""


class Swapper:
    """A patient who does what comes to mind with a few slots that everybody wants, and staff who join in."""

    ACTIONS = ("book", "move", "move", "move", "cancel", "hold", "wait", "note", "room")

    def __init__(self, number: int, who: Person, staff: Person, wishes: list[dict[str, Any]]) -> None:
        self.luck = random.Random(number)
        self.who, self.staff, self.wishes = who.headers, staff.headers, wishes
        self.mine: list[int] = []
        self.seen: collections.Counter[tuple[str, int]] = collections.Counter()

    async def __call__(self, client: httpx.AsyncClient) -> httpx.Response:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            what = self.luck.choice(self.ACTIONS if self.mine else ("book", "hold", "wait"))
            answer: httpx.Response = await getattr(self, what)(client, self.luck.choice(self.wishes))
            if answer.status_code == 201 and answer.request.url.path == BOOKINGS:
                self.mine.append(answer.json()["id"])
            self.seen[what, answer.status_code] += 1
        return answer

    @property
    def one(self) -> str:
        return f"{BOOKINGS}{self.luck.choice(self.mine)}/"

    async def book(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        return await client.post(BOOKINGS, json=wanted, headers=self.who)

    async def move(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        body = {name: wanted[name] for name in ("starts_at", "location_id")}
        return await client.post(f"{self.one}reschedule/", json=body, headers=self.who)

    async def cancel(self, client: httpx.AsyncClient, _wanted: dict[str, Any]) -> httpx.Response:
        return await client.post(f"{self.one}cancel/", json={}, headers=self.who)

    async def hold(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        held = await client.post("/api/v1/holds/", json=wanted)
        if held.status_code != 201:
            return held
        booked = await client.post(BOOKINGS, json={"hold": held.json()["hold"]}, headers=self.who)
        if booked.status_code == 409:
            assert (await client.delete(f"/api/v1/holds/{held.json()['hold']}/")).status_code == 204
        return booked

    async def wait(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        days = {"first_day": str(at(1).date()), "last_day": str(at(3).date())}
        where = {name: value for name, value in wanted.items() if name != "starts_at"}
        return await client.post("/api/v1/waiting/", json=where | days, headers=self.who)

    async def note(self, client: httpx.AsyncClient, _wanted: dict[str, Any]) -> httpx.Response:
        body = {"status": self.luck.choice(["arrived", "booked"])}
        return await client.post(f"{self.one}status/", json=body, headers=self.staff)

    async def room(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        path = f"/api/v1/diagnostics/1/locations/{wanted['location_id']}/"
        return await client.put(path, json={"capacity": self.luck.choice([2, 2, 3])}, headers=self.staff)


def test_24_who_swap_bookings_for_ten_seconds_never_overlap_nor_meet_a_deadlock(campus: System) -> None:
    places = [make_location(time_zone="UTC") for _ in range(2)]
    doctors = [make_doctor(*places, deadline_minutes=0) for _ in range(3)]
    exam = make_diagnostic(*places, room_for=2, deadline_minutes=0)
    wishes = [
        which | {"location_id": place.id, "starts_at": at(2, hour=9 + n // 2, minute=n % 2 * 30).isoformat()}
        for which in ({"diagnostic_id": exam.id}, *({"doctor_id": doctor.id} for doctor in doctors))
        for place in places
        for n in range(8)
    ]
    staff = make_person(Role.STAFF)
    swappers = [Swapper(n, who, staff, wishes) for n, who in enumerate(people(24))]
    together(campus, *swappers)
    seen = sum((swapper.seen for swapper in swappers), collections.Counter())
    assert {status for _, status in seen} <= {200, 201, 409}, seen
    assert min(seen["move", 200], seen["book", 201], seen["cancel", 200], seen["hold", 201]) > 10, seen
    with open_session() as db:
        for column, until in (
            ("doctor_id", "occupied_until"),
            ("station_id", "occupied_until"),
            ("patient_key", "ends_at"),
        ):
            assert db.scalar(text(OVERLAPS.format(column=column, until=until))) == 0
    assert "deadlock" not in campus.log()


# The constraints alone, whatever the code does.


@pytest.mark.parametrize("status", TAKES_TIME)
def test_the_database_itself_refuses_what_is_double(place: Location, patient: Person, status: BookingStatus) -> None:
    doctor, other, exam = make_doctor(place), make_doctor(place), make_diagnostic(place)
    held: dict[str, Any] = {"held_until": at(3)} if status == BookingStatus.PENDING else {}
    make_booking(doctor, place, patient, at(2), status=status, **held)
    make_booking(exam, place, "g@x.example", at(2), status=status, **held)
    for which, who, name in (
        (doctor, "h@x.example", "doctor"),
        (exam, "h@x.example", "station"),
        (other, patient, "patient"),
        (other, "g@x.example", "patient"),
    ):
        with pytest.raises(Overlap, match=name):
            make_booking(which, place, who, at(2, 10, 15))


def test_the_database_itself_keeps_the_buffer_free(place: Location, doctor: Doctor) -> None:
    first = make_booking(doctor, place, "g@x.example", at(2))
    later = {"starts_at": at(2, 10, 30), "ends_at": at(2, 11), "occupied_until": at(2, 11)}
    with write_engine().begin() as connection:
        connection.execute(
            text("UPDATE bookings SET occupied_until = ends_at + interval '10 minutes' WHERE id = :id"),
            {"id": first.id},
        )
    insert = text(
        "INSERT INTO bookings (doctor_id, location_id, starts_at, ends_at, occupied_until, status, price, message,"
        " email) VALUES (:doctor, :place, :starts_at, :ends_at, :occupied_until, 'booked', 0, '', 'h@x.example')"
    )
    with pytest.raises(IntegrityError, match="ex_bookings_doctor"), write_engine().begin() as connection:
        connection.execute(insert, {"doctor": doctor.id, "place": place.id, **later})


def test_a_cancelled_or_missed_booking_takes_no_time(place: Location, doctor: Doctor) -> None:
    for status in (BookingStatus.CANCELLED, BookingStatus.NOSHOW, BookingStatus.BOOKED):
        make_booking(doctor, place, "g@x.example", at(2), status=status)
