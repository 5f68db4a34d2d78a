import datetime as dt
from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import text

from clinic.doctors.models import Doctor
from clinic.locations.models import Location
from conf._celery.models import Job
from conf.db.session import open_session, write_engine
from iam.roles import Role
from tests.clinic.factory import GUEST, at, end_holds, make_booking, make_doctor, make_waiting, slot_request
from tests.people import Person, make_person

WAITING, BOOKINGS = "/api/v1/waiting/", "/api/v1/bookings/"


def days(first: float, last: float) -> dict[str, Any]:
    return {"first_day": str(at(first).date()), "last_day": str(at(last).date())}


def join(client: TestClient, doctor: Doctor, place: Location, person: Person | None = None, **more: Any) -> Any:
    body = {"doctor_id": doctor.id, "location_id": place.id} | days(0, 30) | (GUEST if person is None else {}) | more
    return client.post(WAITING, json=body, headers=person.headers if person else {})


def cancel(client: TestClient, booking_id: int, person: Person) -> Any:
    return client.post(f"{BOOKINGS}{booking_id}/cancel/", json={}, headers=person.headers)


def mine(client: TestClient, person: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(BOOKINGS, headers=person.headers).json()["items"]
    return items


def test_a_cancelled_slot_is_offered_to_the_first_on_the_list(
    anonymous: TestClient,
    patient: Person,
    doctor: Doctor,
    place: Location,
    run_jobs: Callable[[], list[Job]],
    mails: Callable[[], list[str]],
) -> None:
    first, second = (make_person(Role.STUDENT, name=name) for name in ("First", "Second"))
    assert join(anonymous, doctor, place, first).status_code == 201
    assert join(anonymous, doctor, place, second).status_code == 201
    booking = make_booking(doctor, place, patient, at(2))
    assert cancel(anonymous, booking.id, patient).status_code == 200
    (offered,) = mine(anonymous, first)
    assert (offered["status"], dt.datetime.fromisoformat(offered["starts_at"])) == ("pending", at(2))
    left = dt.datetime.fromisoformat(offered["held_until"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=119) < left <= dt.timedelta(hours=2)
    assert mine(anonymous, second) == []
    # The slot is reserved for the offer.
    assert anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST).status_code == 409
    run_jobs()
    assert sum("has become free" in letter for letter in mails()) == 1
    confirmed = anonymous.post(f"{BOOKINGS}{offered['id']}/confirm/", headers=first.headers)
    assert (confirmed.status_code, confirmed.json()["status"], confirmed.json()["held_until"]) == (200, "booked", None)
    assert anonymous.get(WAITING, headers=first.headers).json()["items"] == []
    assert len(anonymous.get(WAITING, headers=second.headers).json()["items"]) == 1


def test_an_expired_offer_goes_to_the_next_on_the_list(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location, run_jobs: Callable[[], list[Job]]
) -> None:
    first, second = (make_person(Role.STUDENT, name=name) for name in ("First", "Second"))
    for person in (first, second):
        join(anonymous, doctor, place, person)
    cancel(anonymous, make_booking(doctor, place, patient, at(2)).id, patient)
    end_holds()
    (lost,) = mine(anonymous, first)
    assert anonymous.post(f"{BOOKINGS}{lost['id']}/confirm/", headers=first.headers).status_code == 409
    run_jobs()
    assert [one["status"] for one in mine(anonymous, first)] == ["cancelled"]
    assert [one["status"] for one in mine(anonymous, second)] == ["pending"]
    history = anonymous.get(f"{BOOKINGS}{lost['id']}/history/", headers=first.headers).json()
    assert history[-1]["reason"] == "It was not confirmed in time."


def test_a_declined_offer_goes_to_the_next_on_the_list(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    first, second = (make_person(Role.STUDENT, name=name) for name in ("First", "Second"))
    for person in (first, second):
        join(anonymous, doctor, place, person)
    cancel(anonymous, make_booking(doctor, place, patient, at(2)).id, patient)
    assert cancel(anonymous, mine(anonymous, first)[0]["id"], first).status_code == 200
    assert [one["status"] for one in mine(anonymous, second)] == ["pending"]


def test_rescheduling_offers_the_old_slot(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    waits = make_person(Role.STUDENT, name="Waits")
    join(anonymous, doctor, place, waits)
    booking = make_booking(doctor, place, patient, at(2))
    body = {"starts_at": at(3).isoformat()}
    anonymous.post(f"{BOOKINGS}{booking.id}/reschedule/", json=body, headers=patient.headers)
    assert [dt.datetime.fromisoformat(one["starts_at"]) for one in mine(anonymous, waits)] == [at(2)]


def test_busy_patients_and_other_targets_or_days_are_skipped(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    busy, elsewhere, later, free = (make_person(Role.STUDENT, name=n) for n in ("Busy", "Elsewhere", "Later", "Free"))
    make_booking(make_doctor(place), place, busy, at(2))
    join(anonymous, doctor, place, busy)
    join(anonymous, make_doctor(place), place, elsewhere)
    join(anonymous, doctor, place, later, **days(5, 9))
    join(anonymous, doctor, place, free)
    cancel(anonymous, make_booking(doctor, place, patient, at(2)).id, patient)
    assert [one["status"] for one in mine(anonymous, busy)] == ["booked"]
    assert (mine(anonymous, elsewhere), mine(anonymous, later)) == ([], [])
    assert [one["status"] for one in mine(anonymous, free)] == ["pending"]


def test_a_slot_outside_the_new_hours_is_not_offered(
    anonymous: TestClient, patient: Person, staff: Person, doctor: Doctor, place: Location
) -> None:
    booking = make_booking(doctor, place, patient, at(2))
    make_waiting(doctor, place, "gil@home.example")
    address = f"/api/v1/doctors/{doctor.id}/locations/{place.id}/"
    assert anonymous.put(address, json={"hours": []}, headers=staff.headers).status_code == 200
    cancel(anonymous, booking.id, staff)
    everything = anonymous.get(BOOKINGS, headers=staff.headers).json()["items"]
    assert [one["status"] for one in everything] == ["cancelled"]


def test_a_guest_joins_the_list_and_confirms_with_the_link(
    anonymous: TestClient,
    patient: Person,
    doctor: Doctor,
    place: Location,
    run_jobs: Callable[[], list[Job]],
    mails: Callable[[], list[str]],
) -> None:
    joined = join(anonymous, doctor, place)
    assert joined.json()["key"]
    cancel(anonymous, make_booking(doctor, place, patient, at(2)).id, patient)
    run_jobs()
    (letter,) = [letter for letter in mails() if "has become free" in letter]
    (link,) = [line for line in letter.splitlines() if line.startswith("http")]
    address, key = link.removeprefix("http://testserver").split("?key=")
    assert anonymous.post(f"{address}confirm/", params={"key": key}).json()["status"] == "booked"


def test_an_account_joins_the_list_once_and_leaves_it(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    joined = join(anonymous, doctor, place, patient).json()
    assert join(anonymous, doctor, place, patient).status_code == 409
    guest = join(anonymous, doctor, place).json()
    assert join(anonymous, doctor, place).status_code == 201  # a conflict would reveal that this guest is on the list
    assert anonymous.delete(f"{WAITING}{joined['id']}/", headers=patient.headers).status_code == 204
    assert join(anonymous, doctor, place, patient).status_code == 201
    address = f"{WAITING}{guest['id']}/"
    assert anonymous.delete(address).status_code == 401
    assert anonymous.delete(address, headers=patient.headers).status_code == 404
    assert anonymous.delete(address, params={"key": joined["key"] or "x"}).status_code == 404
    assert anonymous.delete(address, params={"key": guest["key"]}).status_code == 204


def test_invalid_days_and_unknown_targets_are_refused(client: TestClient, doctor: Doctor, place: Location) -> None:
    assert join(client, doctor, place, **days(3, 2)).status_code == 422
    assert join(client, doctor, place, **days(-9, -2)).json()["errors"][0]["field"] == "last_day"
    wrong: list[dict[str, Any]] = [{"doctor_id": 999}, {"location_id": 999}]
    for body in wrong:
        response = join(client, doctor, place, **body)
        (field,) = body
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field)


def hold(client: TestClient, doctor: Doctor, place: Location, day: float) -> str:
    return str(client.post("/api/v1/holds/", json=slot_request(doctor, place, at(day))).json()["hold"])


def test_the_slot_of_a_hold_is_offered_only_to_those_who_joined_later(
    anonymous: TestClient, doctor: Doctor, place: Location, run_jobs: Callable[[], list[Job]]
) -> None:
    before, meanwhile = (make_person(Role.STUDENT, name=name) for name in ("Before", "Meanwhile"))
    join(anonymous, doctor, place, before)
    token = hold(anonymous, doctor, place, 2)
    assert anonymous.delete(f"/api/v1/holds/{token}/").status_code == 204
    assert mine(anonymous, before) == []  # the entry remains on the list
    assert len(anonymous.get(WAITING, headers=before.headers).json()["items"]) == 1
    hold(anonymous, doctor, place, 2)
    join(anonymous, doctor, place, meanwhile)
    end_holds()
    other = slot_request(doctor, place, at(5)) | GUEST
    assert anonymous.post(BOOKINGS, json=other).status_code == 201  # this ends the expired hold
    run_jobs()
    assert [one["status"] for one in mine(anonymous, meanwhile)] == ["pending"]
    assert mine(anonymous, before) == []


def test_an_expiry_job_that_runs_too_early_is_scheduled_again(
    anonymous: TestClient, doctor: Doctor, place: Location, run_jobs: Callable[[], list[Job]]
) -> None:
    hold(anonymous, doctor, place, 2)
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE jobs SET run_after = now()"))
    run_jobs()
    with open_session() as db:
        waits = db.execute(text("SELECT status FROM jobs ORDER BY id")).scalars().all()
        assert waits == ["succeeded", "queued"]


def test_patients_are_notified_of_expired_and_withdrawn_offers(
    anonymous: TestClient,
    patient: Person,
    staff: Person,
    doctor: Doctor,
    place: Location,
    run_jobs: Callable[[], list[Job]],
    mails: Callable[[], list[str]],
) -> None:
    first, second = (make_person(Role.STUDENT, name=name) for name in ("First", "Second"))
    for person in (first, second):
        join(anonymous, doctor, place, person)
    cancel(anonymous, make_booking(doctor, place, patient, at(2)).id, patient)
    end_holds()
    run_jobs()
    assert cancel(anonymous, mine(anonymous, second)[0]["id"], staff).status_code == 200
    run_jobs()
    assert sum("was not confirmed" in letter for letter in mails()) == 1
    assert sum("has been cancelled" in letter for letter in mails()) == 2


def test_an_expiry_job_cannot_be_cancelled(client: TestClient, doctor: Doctor, place: Location) -> None:
    hold(client, doctor, place, 2)
    (job,) = client.get("/api/v1/jobs/", params={"name": "clinic.bookings.expire"}).json()["items"]
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel/").status_code == 409
