import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from icalendar import Calendar
from sqlalchemy import text

from clinic.bookings import notices
from clinic.bookings.models import Booking, BookingStatus
from clinic.doctors.models import Doctor
from clinic.locations.models import Location
from conf._celery.models import Job
from conf.db.session import open_session, write_engine
from iam.roles import Role
from tests.clinic.factory import (
    GUEST,
    at,
    end_holds,
    make_booking,
    make_diagnostic,
    make_doctor,
    make_location,
    slot_request,
)
from tests.people import Person, make_person

BOOKINGS = "/api/v1/bookings/"


def field_of(response: Any) -> str:
    return str(response.json()["errors"][0]["field"])


def test_a_signed_in_patient_books_with_the_contact_of_the_account(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    made = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2), message="My knee"), headers=patient.headers)
    assert made.status_code == 201, made.text
    booking = made.json()
    assert (booking["status"], booking["name"], booking["email"]) == ("booked", "Pat Tester", patient.email)
    assert (booking["doctor_name"], booking["location_name"], booking["price"]) == ("Dr. Rey", "Main building", 5000)
    assert (booking["message"], booking["patient_id"], booking["key"]) == ("My knee", patient.id, None)
    assert dt.datetime.fromisoformat(booking["ends_at"]) == at(2, 10, 30)
    seen = anonymous.get(made.headers["Location"], headers=patient.headers).json()
    assert seen == {name: value for name, value in booking.items() if name != "key"}
    assert [one["id"] for one in anonymous.get(BOOKINGS, headers=patient.headers).json()["items"]] == [booking["id"]]


def test_a_guest_opens_the_booking_only_with_its_key(anonymous: TestClient, doctor: Doctor, place: Location) -> None:
    made = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST)
    assert made.status_code == 201, made.text
    address, key = made.headers["Location"], made.json()["key"]
    other = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(3)) | GUEST).json()["key"]
    assert anonymous.get(address, params={"key": key}).json()["email"] == GUEST["email"]
    assert anonymous.get(address).status_code == 401
    for wrong in ("", "x", other, key[:-1], key + "A"):
        assert anonymous.get(address, params={"key": wrong}).status_code == 404
    stranger = make_person(Role.ADMIN, name="stranger")
    assert anonymous.get(address, headers=stranger.headers).status_code == 404


def test_a_guest_link_expires_90_days_after_the_visit(anonymous: TestClient, doctor: Doctor, place: Location) -> None:
    made = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST).json()
    with write_engine().begin() as connection:
        for column in ("starts_at", "ends_at", "occupied_until"):
            connection.execute(text(f"UPDATE bookings SET {column} = {column} - interval '93 days'"))
    address = f"{BOOKINGS}{made['id']}/"
    other = make_person(Role.STUDENT, name="Other")
    for headers in ({}, other.headers):
        assert anonymous.get(address, params={"key": made["key"]}, headers=headers).status_code == 404


def test_a_guest_must_give_name_email_and_phone(anonymous: TestClient, doctor: Doctor, place: Location) -> None:
    for missing in GUEST:
        body = slot_request(doctor, place, at(2)) | {name: value for name, value in GUEST.items() if name != missing}
        response = anonymous.post(BOOKINGS, json=body)
        assert (response.status_code, field_of(response)) == (422, missing)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"starts_at": "2026-01-01T10:00:00"}, "starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
        ({"email": "nobody"}, "email"),
        ({"phone": "call me"}, "phone"),
        ({"name": "A\nB"}, "name"),
        ({"doctor_id": None}, "body"),
        ({"diagnostic_id": 1}, "body"),
        ({"hold": "1.x"}, "body"),
        ({"colour": "red"}, "colour"),
        ({"doctor_id": 999}, "doctor_id"),
        ({"location_id": 999}, "location_id"),
        ({"message": "\0"}, "message"),
    ],
)
def test_invalid_input_is_refused_with_the_field(
    anonymous: TestClient, doctor: Doctor, place: Location, change: dict[str, Any], field: str
) -> None:
    response = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST | change)
    assert (response.status_code, field_of(response)) == (422, field)


@pytest.mark.parametrize("when", [at(2, 10, 10), at(-1), at(61), dt.datetime.now(dt.UTC)])
def test_only_a_bookable_slot_can_be_booked(
    anonymous: TestClient, doctor: Doctor, place: Location, when: dt.datetime
) -> None:
    response = anonymous.post(BOOKINGS, json=slot_request(doctor, place, when) | GUEST)
    assert (response.status_code, field_of(response)) == (422, "starts_at")


def test_booking_a_taken_slot_returns_the_next_three_free_slots(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2, 10)) | GUEST)
    anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2, 11)) | GUEST | {"email": "other@home.example"})
    response = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2, 10)), headers=patient.headers)
    assert (response.status_code, response.headers["Content-Type"]) == (409, "application/problem+json")
    next_starts = [dt.datetime.fromisoformat(slot["starts_at"]) for slot in response.json()["next_slots"]]
    assert next_starts == [at(2, 10, 30), at(2, 11, 30), at(2, 12)]


def test_a_patient_cannot_have_overlapping_bookings(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    other = make_doctor(place, duration_minutes=60)
    assert (
        anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2, 10, 30)), headers=patient.headers).status_code
        == 201
    )
    response = anonymous.post(BOOKINGS, json=slot_request(other, place, at(2, 10)), headers=patient.headers)
    assert response.status_code == 409
    assert "another booking" in response.json()["detail"]
    next_starts = [dt.datetime.fromisoformat(slot["starts_at"]) for slot in response.json()["next_slots"]]
    assert next_starts == [at(2, 11), at(2, 11, 30), at(2, 12)]  # not 10:30: the patient has another booking then
    guest = slot_request(other, place, at(2, 10)) | GUEST | {"email": patient.email}
    # A guest with the e-mail of an account is another patient.
    assert anonymous.post(BOOKINGS, json=guest).status_code == 201


def test_a_guest_is_identified_by_name_email_and_phone(anonymous: TestClient, doctor: Doctor, place: Location) -> None:
    other = make_doctor(place)
    anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST)
    again = GUEST | {"name": "gil  GUEST", "phone": "+49 (30) 765-4321"}
    response = anonymous.post(BOOKINGS, json=slot_request(other, place, at(2)) | again)
    assert (response.status_code, "another booking" in response.json()["detail"]) == (409, True)
    next_starts = [dt.datetime.fromisoformat(slot["starts_at"]) for slot in response.json()["next_slots"]]
    assert at(2) not in next_starts
    for unlike in ({"name": "Gus Guest"}, {"phone": "+49 30 1"}):  # the e-mail alone does not reveal a booking
        body = slot_request(other, place, at(2)) | GUEST | unlike
        made = anonymous.post(BOOKINGS, json=body)
        assert made.status_code == 201
        address = made.headers["Location"]
        anonymous.post(f"{address}cancel/", params={"key": made.json()["key"]}, json={})


def test_staff_book_for_an_account_or_a_guest(
    anonymous: TestClient, staff: Person, patient: Person, doctor: Doctor, place: Location
) -> None:
    # Staff need no notice.
    soon = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0, minute=0) + dt.timedelta(hours=1)
    made = anonymous.post(
        BOOKINGS, json=slot_request(doctor, place, soon, patient_id=patient.id), headers=staff.headers
    )
    assert (made.status_code, made.json()["patient_id"], made.json()["email"]) == (201, patient.id, patient.email)
    guest = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(3)) | GUEST, headers=staff.headers).json()
    assert (guest["patient_id"], guest["email"]) == (None, GUEST["email"])
    own = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(4)), headers=staff.headers).json()
    assert own["patient_id"] == staff.id
    refused = anonymous.post(
        BOOKINGS, json=slot_request(doctor, place, at(5), patient_id=staff.id), headers=patient.headers
    )
    assert (refused.status_code, field_of(refused)) == (403, "patient_id")
    foreign = anonymous.post(
        BOOKINGS, json=slot_request(doctor, place, at(5), email="x@y.example"), headers=patient.headers
    )
    assert (foreign.status_code, field_of(foreign)) == (403, "email")
    unnamed = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(5), name="Walk In"), headers=staff.headers)
    assert (unnamed.status_code, field_of(unnamed)) == (422, "email")
    nobody = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(5), patient_id=999), headers=staff.headers)
    assert (nobody.status_code, field_of(nobody)) == (422, "patient_id")


def test_staff_filter_and_search_all_bookings(
    anonymous: TestClient, staff: Person, patient: Person, doctor: Doctor
) -> None:
    far = make_location(time_zone="Pacific/Auckland")
    near = make_location(time_zone="UTC")
    other = make_doctor(near, far)
    first = make_booking(other, near, patient, at(2, 20)).id
    second = make_booking(other, far, "g@home.example", at(2, 21)).id  # the next day in Auckland
    third = make_booking(other, near, "h@home.example", at(3, 9), status=BookingStatus.CANCELLED).id

    def ids(**params: Any) -> list[int]:
        return [one["id"] for one in anonymous.get(BOOKINGS, params=params, headers=staff.headers).json()["items"]]

    assert ids() == [first, second, third]
    assert ids(day=at(2).date()) == [first]
    assert ids(day=at(3).date()) == [second, third]
    assert (ids(doctor_id=doctor.id), ids(doctor_id=other.id, location_id=far.id)) == ([], [second])
    midnight = at(3, hour=0).isoformat()
    assert (ids(status="cancelled"), ids(since=midnight), ids(until=midnight)) == ([third], [third], [first, second])
    assert (ids(patient_id=patient.id), ids(q="PAT T"), ids(q="h@home"), ids(q="7654")) == (
        [first],
        [first],
        [third],
        [second, third],
    )
    assert ids(q="%_") == []
    page = anonymous.get(BOOKINGS, params={"limit": 2}, headers=staff.headers).json()
    assert [one["id"] for one in page["items"]] == [first, second]
    assert ids(limit=2, cursor=page["next"]) == [third]
    mine = anonymous.get(BOOKINGS, params={"patient_id": staff.id}, headers=patient.headers).json()["items"]
    assert [one["id"] for one in mine] == [first]


# Holds.


def hold(client: TestClient, doctor: Doctor, place: Location, starts_at: dt.datetime) -> Any:
    return client.post("/api/v1/holds/", json=slot_request(doctor, place, starts_at))


def test_a_held_slot_is_reserved_and_can_be_booked(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    held = hold(anonymous, doctor, place, at(2))
    assert held.status_code == 201
    left = dt.datetime.fromisoformat(held.json()["held_until"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=9) < left <= dt.timedelta(minutes=10)
    assert hold(anonymous, doctor, place, at(2)).status_code == 409
    assert anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST).status_code == 409
    token = held.json()["hold"]
    booked = anonymous.post(BOOKINGS, json={"hold": token}, headers=patient.headers)
    assert (booked.status_code, booked.json()["status"], booked.json()["patient_id"]) == (201, "booked", patient.id)
    assert anonymous.post(BOOKINGS, json={"hold": token}, headers=patient.headers).status_code == 409
    assert anonymous.delete(f"/api/v1/holds/{token}/").status_code == 409


def test_a_hold_can_be_released(anonymous: TestClient, doctor: Doctor, place: Location) -> None:
    token = hold(anonymous, doctor, place, at(2)).json()["hold"]
    assert anonymous.delete(f"/api/v1/holds/{token}/").status_code == 204
    assert anonymous.delete(f"/api/v1/holds/{token}/").status_code == 409
    assert hold(anonymous, doctor, place, at(2)).status_code == 201
    for wrong in ("1.x", "x", token[:-1], "9" * 30 + ".x"):
        assert anonymous.delete(f"/api/v1/holds/{wrong}/").status_code == 422


def test_a_held_slot_is_free_after_ten_minutes(anonymous: TestClient, doctor: Doctor, place: Location) -> None:
    token = hold(anonymous, doctor, place, at(2)).json()["hold"]
    end_holds()
    params: dict[str, Any] = {"location_id": place.id, "from": at(2).date(), "to": at(2).date()}
    free = anonymous.get(f"/api/v1/slots/doctors/{doctor.id}/", params=params).json()["items"]
    assert at(2) in [dt.datetime.fromisoformat(slot["starts_at"]) for slot in free]
    assert anonymous.post(BOOKINGS, json={"hold": token} | GUEST).status_code == 409
    assert anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST).status_code == 201


def test_an_expired_hold_is_deleted(
    anonymous: TestClient, staff: Person, doctor: Doctor, place: Location, run_jobs: Callable[[], list[Job]]
) -> None:
    hold(anonymous, doctor, place, at(2))
    assert anonymous.get(BOOKINGS, headers=staff.headers).json()["items"] == []
    end_holds()
    run_jobs()
    with open_session() as db:
        assert db.scalar(text("SELECT count(*) FROM bookings")) == 0


# Changes of bookings.


def act(client: TestClient, person: Person, booking: Booking, action: str, **body: Any) -> Any:
    return client.post(f"{BOOKINGS}{booking.id}/{action}/", json=body, headers=person.headers)


def test_rescheduling_frees_the_old_slot(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    booking = make_booking(doctor, place, patient, at(2))
    make_booking(doctor, place, "g@home.example", at(3))
    taken = act(anonymous, patient, booking, "reschedule", starts_at=at(3).isoformat())
    assert (taken.status_code, len(taken.json()["next_slots"])) == (409, 3)
    moved = act(anonymous, patient, booking, "reschedule", starts_at=at(3, 11).isoformat(), reason="Work")
    assert (moved.status_code, moved.json()["starts_at"]) == (200, at(3, 11).isoformat().replace("+00:00", "Z"))
    again = act(anonymous, patient, booking, "reschedule", starts_at=at(3, 11).isoformat())
    assert again.status_code == 200  # rescheduling to the current time changes nothing
    assert anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST).status_code == 201
    history = anonymous.get(f"{BOOKINGS}{booking.id}/history/", headers=patient.headers).json()
    assert [(event["status"], event["reason"], event["actor_id"]) for event in history] == [
        ("booked", "", None),
        ("booked", "Work", patient.id),
    ]


def test_a_diagnostic_is_rescheduled_to_another_location(
    anonymous: TestClient, patient: Person, place: Location
) -> None:
    other, third = make_location(time_zone="UTC"), make_location()
    exam = make_diagnostic(place, other)
    booking = make_booking(exam, place, patient, at(2))
    moved = act(anonymous, patient, booking, "reschedule", starts_at=at(2).isoformat(), location_id=other.id)
    assert (moved.status_code, moved.json()["location_id"]) == (200, other.id)
    nowhere = act(anonymous, patient, booking, "reschedule", starts_at=at(2).isoformat(), location_id=third.id)
    assert (nowhere.status_code, field_of(nowhere)) == (422, "location_id")


def test_a_booking_with_an_inactive_doctor_cannot_be_rescheduled(
    anonymous: TestClient, patient: Person, staff: Person, doctor: Doctor, place: Location
) -> None:
    booking = make_booking(doctor, place, patient, at(2))
    address = f"/api/v1/doctors/{doctor.id}/"
    headers = staff.headers | {"If-Match": "*"}
    assert anonymous.patch(address, json={"is_active": False}, headers=headers).status_code == 200
    moved = act(anonymous, patient, booking, "reschedule", starts_at=at(3).isoformat())
    assert (moved.status_code, "No more bookings" in moved.json()["detail"]) == (409, True)
    assert act(anonymous, patient, booking, "cancel").status_code == 200


def test_cancelling_frees_the_slot(anonymous: TestClient, patient: Person, doctor: Doctor, place: Location) -> None:
    booking = make_booking(doctor, place, patient, at(2))
    cancelled = act(anonymous, patient, booking, "cancel", reason="I am well")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    for action, body in (("cancel", {}), ("reschedule", {"starts_at": at(3).isoformat()}), ("confirm", {})):
        assert act(anonymous, patient, booking, action, **body).status_code == 409
    assert anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST).status_code == 201


def test_after_the_deadline_only_staff_reschedule_and_cancel(
    anonymous: TestClient, patient: Person, staff: Person, place: Location
) -> None:
    doctor = make_doctor(place, deadline_minutes=3 * 24 * 60)
    booking = make_booking(doctor, place, patient, at(2))
    for action, body in (("cancel", {}), ("reschedule", {"starts_at": at(5).isoformat()})):
        response = act(anonymous, patient, booking, action, **body)
        until = f"{at(-1):%A, %-d %B %Y, 10:00} (UTC)"
        assert (response.status_code, until in response.json()["detail"]) == (409, True)
    shown = anonymous.get(f"{BOOKINGS}{booking.id}/", headers=patient.headers).json()
    assert dt.datetime.fromisoformat(shown["changeable_until"]) == at(-1)
    assert act(anonymous, staff, booking, "reschedule", starts_at=at(2, 11).isoformat()).status_code == 200
    assert act(anonymous, staff, booking, "cancel").status_code == 200


def test_cancelling_an_outdated_version_returns_412(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    booking = make_booking(doctor, place, patient, at(2))
    address = f"{BOOKINGS}{booking.id}/"
    tag = anonymous.get(address, headers=patient.headers).headers["ETag"]
    act(anonymous, patient, booking, "reschedule", starts_at=at(3).isoformat())
    headers = patient.headers | {"If-Match": tag}
    assert anonymous.post(f"{address}cancel/", json={}, headers=headers).status_code == 412


def test_staff_set_the_status_of_a_visit(
    anonymous: TestClient, patient: Person, staff: Person, doctor: Doctor, place: Location
) -> None:
    booking = make_booking(doctor, place, patient, at(0) - dt.timedelta(days=1))
    steps = [("fulfilled", 200), ("noshow", 409), ("arrived", 200), ("booked", 200), ("noshow", 200), ("arrived", 200)]
    got = [(step, act(anonymous, staff, booking, "status", status=step).status_code) for step, _ in steps]
    assert got == steps
    assert act(anonymous, staff, booking, "status", status="cancelled").status_code == 409
    assert act(anonymous, patient, booking, "status", status="fulfilled").status_code == 403
    later = make_booking(doctor, place, patient, at(2))
    assert act(anonymous, staff, later, "status", status="noshow").status_code == 409
    history = anonymous.get(f"{BOOKINGS}{booking.id}/history/", headers=patient.headers).json()
    assert [event["status"] for event in history] == ["booked", *(step for step, status in steps if status == 200)]


def test_the_status_of_a_visit_cannot_be_set_before_its_day(
    anonymous: TestClient, patient: Person, staff: Person, doctor: Doctor, place: Location
) -> None:
    booking = make_booking(doctor, place, patient, at(2))
    for status in ("arrived", "fulfilled", "noshow"):
        assert act(anonymous, staff, booking, "status", status=status).status_code == 409


def test_a_noshow_is_corrected_only_if_a_station_is_free(
    anonymous: TestClient, patient: Person, staff: Person, place: Location
) -> None:
    exam = make_diagnostic(place, room_for=2)
    make_booking(exam, place, "g@home.example", at(-1), status=BookingStatus.FULFILLED)
    missed = make_booking(exam, place, patient, at(-1), status=BookingStatus.NOSHOW)
    room = f"/api/v1/diagnostics/{exam.id}/locations/{place.id}/"
    assert anonymous.put(room, json={"capacity": 1}, headers=staff.headers).status_code == 200
    assert act(anonymous, staff, missed, "status", status="arrived").status_code == 409
    assert anonymous.put(room, json={"capacity": 2}, headers=staff.headers).status_code == 200
    assert act(anonymous, staff, missed, "status", status="arrived").status_code == 200


def test_a_noshow_is_not_corrected_if_the_doctor_has_another_booking(
    anonymous: TestClient, patient: Person, staff: Person, doctor: Doctor, place: Location
) -> None:
    missed = make_booking(doctor, place, patient, at(-1), status=BookingStatus.NOSHOW)
    make_booking(doctor, place, "g@home.example", at(-1), status=BookingStatus.FULFILLED)
    assert act(anonymous, staff, missed, "status", status="arrived").status_code == 409


# Notices to patients.


def test_a_guest_is_mailed_a_link_that_opens_the_booking(
    anonymous: TestClient,
    doctor: Doctor,
    place: Location,
    run_jobs: Callable[[], list[Job]],
    mails: Callable[[], list[str]],
) -> None:
    made = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2), message="My secret") | GUEST).json()
    run_jobs()
    (letter,) = mails()
    assert "Hello Gil Guest" in letter
    assert "Dr. Rey" in letter
    assert f"{at(2):%A, %-d %B %Y, 10:00} (UTC)" in letter
    assert "My secret" not in letter
    (link,) = [line for line in letter.splitlines() if line.startswith("http")]
    assert anonymous.get(link.removeprefix("http://testserver")).json()["id"] == made["id"]


def test_rescheduling_and_cancelling_are_mailed_with_the_reason(
    anonymous: TestClient,
    patient: Person,
    staff: Person,
    doctor: Doctor,
    place: Location,
    run_jobs: Callable[[], list[Job]],
    mails: Callable[[], list[str]],
) -> None:
    booking = make_booking(doctor, place, patient, at(2))
    act(anonymous, staff, booking, "reschedule", starts_at=at(3, 11).isoformat())
    run_jobs()
    act(anonymous, staff, booking, "cancel", reason="Dr. Rey is ill.")
    run_jobs()
    moved, cancelled = mails()
    assert f"{at(3):%A, %-d %B %Y, 11:00}" in moved
    assert "has been cancelled" in cancelled
    assert "Dr. Rey is ill." in cancelled


def make_reminders_due() -> None:
    """Make the jobs of the reminders due now."""
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE jobs SET run_after = now() WHERE args->>'kind' = 'reminder'"))


def test_one_reminder_is_sent_a_day_before_the_current_time_of_the_booking(
    anonymous: TestClient,
    patient: Person,
    doctor: Doctor,
    place: Location,
    run_jobs: Callable[[], list[Job]],
    mails: Callable[[], list[str]],
) -> None:
    made = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(3)), headers=patient.headers).json()
    with open_session() as db:
        due = db.scalar(text("SELECT run_after FROM jobs WHERE args->>'kind' = 'reminder'"))
    assert abs(due - (at(3) - notices.REMIND)) < dt.timedelta(seconds=5)
    address = f"{BOOKINGS}{made['id']}/"
    for day in (4, 3, 4):
        anonymous.post(f"{address}reschedule/", json={"starts_at": at(day).isoformat()}, headers=patient.headers)
    make_reminders_due()
    run_jobs()
    reminders = [letter for letter in mails() if "This is a reminder of your booking" in letter]
    assert len(reminders) == 1  # the reminders of the earlier times are not sent
    assert f"{at(4):%-d %B %Y}" in reminders[0]


def test_a_booking_within_a_day_has_no_reminder(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    assert anonymous.post(BOOKINGS, json=slot_request(doctor, place, soon), headers=patient.headers).status_code == 201
    with open_session() as db:
        assert db.scalar(text("SELECT count(*) FROM jobs WHERE args->>'kind' = 'reminder'")) == 0


def test_a_booking_is_exported_as_icalendar(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    made = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(3)), headers=patient.headers).json()
    address = f"{BOOKINGS}{made['id']}/"

    def event() -> Any:
        response = anonymous.get(f"{address}calendar.ics", headers=patient.headers)
        assert response.headers["Content-Type"] == "text/calendar; charset=utf-8; method=PUBLISH"
        (found,) = Calendar.from_ical(response.content).walk("VEVENT")
        return found

    first = event()
    assert (first.decoded("dtstart"), first.decoded("dtend")) == (at(3), at(3, 10, 30))
    assert (first["status"], first["sequence"], str(first["location"])) == ("CONFIRMED", 0, "Main building, Park 1")
    anonymous.post(f"{address}reschedule/", json={"starts_at": at(4).isoformat()}, headers=patient.headers)
    anonymous.post(f"{address}cancel/", json={}, headers=patient.headers)
    last = event()
    assert (last["uid"], last["status"], last["sequence"]) == (first["uid"], "CANCELLED", 2)


def test_mails_link_to_the_booking_page_of_the_settings(
    anonymous: TestClient,
    doctor: Doctor,
    place: Location,
    run_jobs: Callable[[], list[Job]],
    mails: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from conf.settings import get_settings

    page = get_settings().model_copy(update={"booking_page_url": "https://clinic.example/booking"})
    monkeypatch.setattr(notices, "get_settings", lambda: page)
    made = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST).json()
    run_jobs()
    assert f"https://clinic.example/booking#booking={made['id']}&key={made['key']}" in mails()[0]


def test_bookings_and_changes_are_rate_limited(
    anonymous: TestClient, patient: Person, staff: Person, doctor: Doctor, place: Location
) -> None:
    made = anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST)
    move = f"{made.headers['Location']}reschedule/"

    def moved(n: int, **credentials: Any) -> int:
        return anonymous.post(move, json={"starts_at": at(3, hour=n).isoformat()}, **credentials).status_code

    got = [moved(n, params={"key": made.json()["key"]}) for n in range(21)]
    assert got == [200] * 20 + [429]
    assert moved(22, headers=staff.headers) == 200
    doctors = [doctor, make_doctor(place)]
    booked = [
        anonymous.post(
            BOOKINGS, json=slot_request(doctors[n // 20], place, at(4 + n // 20, hour=n % 20)), headers=patient.headers
        )
        for n in range(31)
    ]
    assert [response.status_code for response in booked] == [201] * 30 + [429]


def test_an_invalid_cursor_is_refused(anonymous: TestClient, staff: Person) -> None:
    for cursor in ("OTIyMzM3MjAzNjg1NDc3NTgwNy4x", "x", "MQ"):
        response = anonymous.get(BOOKINGS, params={"cursor": cursor}, headers=staff.headers)
        assert (response.status_code, field_of(response)) == (422, "cursor")
