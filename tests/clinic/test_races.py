"""Concurrent requests: no overlapping bookings and no unexpected errors. The API runs in a process of its own."""

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
    """A system with the database of this process, so that tests can insert rows."""
    empty()
    settings = {"PUBLIC_URL": SETTINGS["PUBLIC_URL"], "LIMITS_FACTOR": "0"}
    database_url, broker_url = SETTINGS["DATABASE_URL"], SETTINGS["BROKER_URL"]
    with system(tmp_path / "campus", database_url=database_url, broker_url=broker_url, **settings) as made:
        yield made


def people(count: int) -> list[Person]:
    return [make_person(Role.STUDENT, name=f"Patient{n}") for n in range(count)]


def together(campus: System, *calls: Any) -> list[httpx.Response]:
    """Run the calls concurrently, and return their responses."""

    async def run() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=campus.url, limits=limits, timeout=30, trust_env=False) as client:
            return list(await asyncio.gather(*(call(client) for call in calls)))

    return asyncio.run(run())


def booking(person: Person, body: dict[str, Any]) -> Any:
    def call(client: httpx.AsyncClient) -> Coroutine[Any, Any, httpx.Response]:
        return client.post(BOOKINGS, json=body, headers=person.headers)

    return call


def test_50_concurrent_requests_for_a_slot_create_one_booking(campus: System) -> None:
    place = make_location(time_zone="UTC")
    doctor = make_doctor(place)
    patients = people(50)
    for n in range(20):
        body = slot_request(doctor, place, at(2, hour=n))
        responses = together(campus, *(booking(person, body) for person in patients))
        assert collections.Counter(response.status_code for response in responses) == {201: 1, 409: 49}
        next_slots = [len(response.json()["next_slots"]) for response in responses if response.status_code == 409]
        assert next_slots == [3] * 49


def test_24_concurrent_requests_with_a_capacity_of_3_create_3_bookings(campus: System) -> None:
    place = make_location(time_zone="UTC")
    exam = make_diagnostic(place, room_for=3)
    body = {"diagnostic_id": exam.id, "location_id": place.id, "starts_at": at(2).isoformat()}
    responses = together(campus, *(booking(person, body) for person in people(24)))
    assert collections.Counter(response.status_code for response in responses) == {201: 3, 409: 21}


def test_concurrent_requests_of_one_patient_to_12_doctors_create_one_booking(campus: System) -> None:
    place = make_location(time_zone="UTC")
    (patient,) = people(1)
    calls = [booking(patient, slot_request(make_doctor(place), place, at(2))) for _ in range(12)]
    assert collections.Counter(response.status_code for response in together(campus, *calls)) == {201: 1, 409: 11}


SECONDS = 10
ACTIVE = "('pending', 'booked', 'arrived', 'fulfilled')"
OVERLAPS = f"""
SELECT count(*) FROM bookings a JOIN bookings b ON a.id < b.id AND a.{{column}} = b.{{column}}
AND a.starts_at < b.{{until}} AND b.starts_at < a.{{until}}
WHERE a.status IN {ACTIVE} AND b.status IN {ACTIVE}
"""


class RandomPatient:
    """A patient who performs random actions on a few contested slots, including some actions of staff."""

    ACTIONS = ("book", "move", "move", "move", "cancel", "hold", "wait", "note", "room")

    def __init__(self, number: int, person: Person, staff: Person, requests: list[dict[str, Any]]) -> None:
        self.rng = random.Random(number)
        self.headers, self.staff_headers, self.requests = person.headers, staff.headers, requests
        self.mine: list[int] = []
        self.seen: collections.Counter[tuple[str, int]] = collections.Counter()

    async def __call__(self, client: httpx.AsyncClient) -> httpx.Response:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            action = self.rng.choice(self.ACTIONS if self.mine else ("book", "hold", "wait"))
            response: httpx.Response = await getattr(self, action)(client, self.rng.choice(self.requests))
            if response.status_code == 201 and response.request.url.path == BOOKINGS:
                self.mine.append(response.json()["id"])
            self.seen[action, response.status_code] += 1
        return response

    @property
    def booking_path(self) -> str:
        return f"{BOOKINGS}{self.rng.choice(self.mine)}/"

    async def book(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        return await client.post(BOOKINGS, json=wanted, headers=self.headers)

    async def move(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        body = {name: wanted[name] for name in ("starts_at", "location_id")}
        return await client.post(f"{self.booking_path}reschedule/", json=body, headers=self.headers)

    async def cancel(self, client: httpx.AsyncClient, _wanted: dict[str, Any]) -> httpx.Response:
        return await client.post(f"{self.booking_path}cancel/", json={}, headers=self.headers)

    async def hold(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        held = await client.post("/api/v1/holds/", json=wanted)
        if held.status_code != 201:
            return held
        booked = await client.post(BOOKINGS, json={"hold": held.json()["hold"]}, headers=self.headers)
        if booked.status_code == 409:
            assert (await client.delete(f"/api/v1/holds/{held.json()['hold']}/")).status_code == 204
        return booked

    async def wait(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        days = {"first_day": str(at(1).date()), "last_day": str(at(3).date())}
        where = {name: value for name, value in wanted.items() if name != "starts_at"}
        return await client.post("/api/v1/waiting/", json=where | days, headers=self.headers)

    async def note(self, client: httpx.AsyncClient, _wanted: dict[str, Any]) -> httpx.Response:
        body = {"status": self.rng.choice(["arrived", "booked"])}
        return await client.post(f"{self.booking_path}status/", json=body, headers=self.staff_headers)

    async def room(self, client: httpx.AsyncClient, wanted: dict[str, Any]) -> httpx.Response:
        path = f"/api/v1/diagnostics/1/locations/{wanted['location_id']}/"
        return await client.put(path, json={"capacity": self.rng.choice([2, 2, 3])}, headers=self.staff_headers)


def test_random_actions_of_24_patients_cause_no_overlap_and_no_deadlock(campus: System) -> None:
    places = [make_location(time_zone="UTC") for _ in range(2)]
    doctors = [make_doctor(*places, deadline_minutes=0) for _ in range(3)]
    exam = make_diagnostic(*places, room_for=2, deadline_minutes=0)
    requests = [
        which | {"location_id": place.id, "starts_at": at(2, hour=9 + n // 2, minute=n % 2 * 30).isoformat()}
        for which in ({"diagnostic_id": exam.id}, *({"doctor_id": doctor.id} for doctor in doctors))
        for place in places
        for n in range(8)
    ]
    staff = make_person(Role.STAFF)
    patients = [RandomPatient(n, person, staff, requests) for n, person in enumerate(people(24))]
    together(campus, *patients)
    seen = sum((patient.seen for patient in patients), collections.Counter())
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


# The constraints of the database alone.


@pytest.mark.parametrize("status", TAKES_TIME)
def test_the_database_refuses_overlapping_bookings(place: Location, patient: Person, status: BookingStatus) -> None:
    doctor, other, exam = make_doctor(place), make_doctor(place), make_diagnostic(place)
    held: dict[str, Any] = {"held_until": at(3)} if status == BookingStatus.PENDING else {}
    make_booking(doctor, place, patient, at(2), status=status, **held)
    make_booking(exam, place, "g@x.example", at(2), status=status, **held)
    for which, person, name in (
        (doctor, "h@x.example", "doctor"),
        (exam, "h@x.example", "station"),
        (other, patient, "patient"),
        (other, "g@x.example", "patient"),
    ):
        with pytest.raises(Overlap, match=name):
            make_booking(which, place, person, at(2, 10, 15))


def test_the_database_refuses_a_booking_in_a_buffer(place: Location, doctor: Doctor) -> None:
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


def test_cancelled_bookings_and_noshows_do_not_block_their_time(place: Location, doctor: Doctor) -> None:
    for status in (BookingStatus.CANCELLED, BookingStatus.NOSHOW, BookingStatus.BOOKED):
        make_booking(doctor, place, "g@x.example", at(2), status=status)
