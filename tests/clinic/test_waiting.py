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


def join(client: TestClient, doctor: Doctor, place: Location, who: Person | None = None, **more: Any) -> Any:
    body = {"doctor_id": doctor.id, "location_id": place.id} | days(0, 30) | (GUEST if who is None else {}) | more
    return client.post(WAITING, json=body, headers=who.headers if who else {})


def cancel(client: TestClient, booking_id: int, who: Person) -> Any:
    return client.post(f"{BOOKINGS}{booking_id}/cancel/", json={}, headers=who.headers)


def mine(client: TestClient, who: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(BOOKINGS, headers=who.headers).json()["items"]
    return items


def test_a_cancelled_time_is_offered_to_the_first_who_waits(
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
    assert anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST).status_code == 409  # it is kept
    run_jobs()
    assert sum("has become free" in letter for letter in mails()) == 1
    confirmed = anonymous.post(f"{BOOKINGS}{offered['id']}/confirm/", headers=first.headers)
    assert (confirmed.status_code, confirmed.json()["status"], confirmed.json()["held_until"]) == (200, "booked", None)
    assert anonymous.get(WAITING, headers=first.headers).json()["items"] == []
    assert len(anonymous.get(WAITING, headers=second.headers).json()["items"]) == 1


def test_an_offer_that_is_not_confirmed_goes_to_the_next(
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


def test_an_offer_that_is_declined_goes_to_the_next(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    first, second = (make_person(Role.STUDENT, name=name) for name in ("First", "Second"))
    for person in (first, second):
        join(anonymous, doctor, place, person)
    cancel(anonymous, make_booking(doctor, place, patient, at(2)).id, patient)
    assert cancel(anonymous, mine(anonymous, first)[0]["id"], first).status_code == 200
    assert [one["status"] for one in mine(anonymous, second)] == ["pending"]


def test_a_moved_booking_offers_the_time_it_leaves(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    waits = make_person(Role.STUDENT, name="Waits")
    join(anonymous, doctor, place, waits)
    booking = make_booking(doctor, place, patient, at(2))
    body = {"starts_at": at(3).isoformat()}
    anonymous.post(f"{BOOKINGS}{booking.id}/reschedule/", json=body, headers=patient.headers)
    assert [dt.datetime.fromisoformat(one["starts_at"]) for one in mine(anonymous, waits)] == [at(2)]


def test_who_cannot_come_then_is_passed_over(
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


def test_a_time_the_doctor_is_no_longer_there_is_offered_to_nobody(
    anonymous: TestClient, patient: Person, staff: Person, doctor: Doctor, place: Location
) -> None:
    booking = make_booking(doctor, place, patient, at(2))
    make_waiting(doctor, place, "gil@home.example")
    address = f"/api/v1/doctors/{doctor.id}/locations/{place.id}/"
    assert anonymous.put(address, json={"hours": []}, headers=staff.headers).status_code == 200
    cancel(anonymous, booking.id, staff)
    everything = anonymous.get(BOOKINGS, headers=staff.headers).json()["items"]
    assert [one["status"] for one in everything] == ["cancelled"]


def test_a_guest_waits_and_confirms_by_link(
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


def test_one_waits_once_and_leaves(anonymous: TestClient, patient: Person, doctor: Doctor, place: Location) -> None:
    joined = join(anonymous, doctor, place, patient).json()
    assert join(anonymous, doctor, place, patient).status_code == 409
    guest = join(anonymous, doctor, place).json()
    assert join(anonymous, doctor, place).status_code == 201  # whether somebody waits nobody learns by an e-mail
    assert anonymous.delete(f"{WAITING}{joined['id']}/", headers=patient.headers).status_code == 204
    assert join(anonymous, doctor, place, patient).status_code == 201
    address = f"{WAITING}{guest['id']}/"
    assert anonymous.delete(address).status_code == 401
    assert anonymous.delete(address, headers=patient.headers).status_code == 404
    assert anonymous.delete(address, params={"key": joined["key"] or "x"}).status_code == 404
    assert anonymous.delete(address, params={"key": guest["key"]}).status_code == 204


def test_days_in_the_wrong_order_are_refused(client: TestClient, doctor: Doctor, place: Location) -> None:
    assert join(client, doctor, place, **days(3, 2)).status_code == 422
    assert join(client, doctor, place, **days(-9, -2)).json()["errors"][0]["field"] == "last_day"
    wrong: list[dict[str, Any]] = [{"doctor_id": 999}, {"location_id": 999}]
    for body in wrong:
        answer = join(client, doctor, place, **body)
        (field,) = body
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def hold(client: TestClient, doctor: Doctor, place: Location, day: float) -> str:
    return str(client.post("/api/v1/holds/", json=slot_request(doctor, place, at(day))).json()["hold"])


def test_what_was_only_held_is_offered_to_who_joined_meanwhile(
    anonymous: TestClient, doctor: Doctor, place: Location, run_jobs: Callable[[], list[Job]]
) -> None:
    before, meanwhile = (make_person(Role.STUDENT, name=name) for name in ("Before", "Meanwhile"))
    join(anonymous, doctor, place, before)
    token = hold(anonymous, doctor, place, 2)
    assert anonymous.delete(f"/api/v1/holds/{token}/").status_code == 204
    assert mine(anonymous, before) == []  # nor has the place in the line gone
    assert len(anonymous.get(WAITING, headers=before.headers).json()["items"]) == 1
    hold(anonymous, doctor, place, 2)
    join(anonymous, doctor, place, meanwhile)
    end_holds()
    other = slot_request(doctor, place, at(5)) | GUEST
    assert anonymous.post(BOOKINGS, json=other).status_code == 201  # who takes the old hold away on the way
    run_jobs()
    assert [one["status"] for one in mine(anonymous, meanwhile)] == ["pending"]
    assert mine(anonymous, before) == []


def test_a_job_that_comes_too_early_comes_again(
    anonymous: TestClient, doctor: Doctor, place: Location, run_jobs: Callable[[], list[Job]]
) -> None:
    hold(anonymous, doctor, place, 2)
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE jobs SET run_after = now()"))
    run_jobs()
    with open_session() as db:
        waits = db.execute(text("SELECT status FROM jobs ORDER BY id")).scalars().all()
        assert waits == ["succeeded", "queued"]


def test_an_offer_that_ran_out_or_was_withdrawn_is_told(
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


def test_nobody_stops_what_the_clinic_has_to_do(client: TestClient, doctor: Doctor, place: Location) -> None:
    hold(client, doctor, place, 2)
    (job,) = client.get("/api/v1/jobs/", params={"name": "clinic.bookings.expire"}).json()["items"]
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel/").status_code == 409
