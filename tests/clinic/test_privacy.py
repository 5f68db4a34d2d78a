"""Patient data is never in logs or error responses: requests of every kind are made, and many of them fail."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pypdfium2
import pytest
from sqlalchemy import text

from clinic.bookings.models import BookingStatus
from conf.db.session import write_engine
from iam.roles import Role
from tests.clinic.factory import at, make_booking, make_diagnostic, make_doctor, make_location, slot_request
from tests.conftest import SETTINGS, empty
from tests.people import make_person
from tests.servers import own_rabbitmq, wait_for
from tests.system import System, system

SECRETS = {
    "name": "Zacharias Quibble",
    "email": "quibble@secret.example",
    "phone": "+49 30 55512399",
    "message": "An itch nobody may know of",
}
REASON = "Because of the rash"
PATIENT_DATA = [*SECRETS.values(), REASON, "quibble", "Quibble", "55512399"]


@pytest.fixture
def campus(tmp_path: Path) -> Iterator[System]:
    """A system with a worker, debug logging and an unreachable mail server."""
    empty()
    settings = {
        "PUBLIC_URL": SETTINGS["PUBLIC_URL"],
        "LIMITS_FACTOR": "0",
        "LOG_LEVEL": "DEBUG",
        "SMTP_URL": "smtp://127.0.0.1:1",
        "CONFIRM_GUESTS": "false",
    }
    database_url = SETTINGS["DATABASE_URL"]
    with (
        own_rabbitmq() as broker,
        system(tmp_path / "campus", database_url=database_url, broker_url=broker.url, **settings) as made,
    ):
        made.start(sys.executable, "manage.py", "worker", "--queue", "short", "--beat")
        yield made


def alter(change: str) -> None:
    with write_engine().begin() as connection:
        connection.execute(text(f"ALTER TABLE bookings {change}"))


def test_no_patient_data_is_in_logs_or_errors(campus: System) -> None:
    place = make_location(time_zone="UTC")
    doctor, exam = make_doctor(place), make_diagnostic(place)
    staff = make_person(Role.STAFF)
    errors: list[str] = []

    del campus.client.headers["Authorization"]

    def request(method: str, path: str, *, status: int, **sent: object) -> httpx.Response:
        response = campus.client.request(method, f"/api/v1{path}", **sent)  # type: ignore[arg-type]
        assert response.status_code == status, response.text
        if status >= 400:
            errors.append(response.text)
        return response

    made = request("POST", "/bookings/", json=slot_request(doctor, place, at(2)) | SECRETS, status=201).json()
    key = {"key": made["key"]}
    one = f"/bookings/{made['id']}/"
    request("POST", "/bookings/", json=slot_request(doctor, place, at(2)) | SECRETS, status=409)
    request("POST", "/bookings/", json=slot_request(make_doctor(place), place, at(2)) | SECRETS, status=409)
    request("POST", "/bookings/", json=slot_request(doctor, place, at(2)) | SECRETS | {"phone": "x"}, status=422)
    request("POST", "/bookings/", json=slot_request(doctor, place, at(2, 10, 7)) | SECRETS, status=422)
    request("POST", "/bookings/", content=b'{"email": "quibble@secret.example"', status=422)
    request(
        "POST", "/bookings/", json=SECRETS | {"telegram_init_data": "user=Quibble&hash=1", "doctor_id": 1}, status=422
    )
    request("GET", one, params={"key": "quibble"}, status=404)
    request("GET", one, status=401)
    request(
        "POST", f"{one}reschedule/", params=key, json={"starts_at": at(3).isoformat(), "reason": REASON}, status=200
    )
    request("POST", f"{one}reschedule/", params=key, json={"starts_at": "Quibble", "reason": REASON}, status=422)
    request("POST", f"{one}status/", json={"status": "arrived"}, headers=staff.headers, status=409)
    request("POST", f"{one}status/", json={"status": "noshow", "reason": REASON}, headers=staff.headers, status=409)
    request("POST", f"{one}cancel/", params=key, json={"reason": REASON}, status=200)
    request("POST", f"{one}confirm/", params=key, status=409)
    days = {"first_day": str(at(1).date()), "last_day": str(at(3).date())}
    contact = {name: SECRETS[name] for name in ("name", "email", "phone")}
    waits = {"doctor_id": doctor.id, "location_id": place.id} | days | contact
    request("POST", "/waiting/", json=waits, status=201)
    patient = make_person(Role.STUDENT, name="Quibble")
    for status in (201, 409):
        request("POST", "/waiting/", json=waits | {"email": patient.email}, headers=patient.headers, status=status)
    fulfilled = make_booking(exam, place, SECRETS["email"], at(-1), status=BookingStatus.FULFILLED)
    document, file = pypdfium2.PdfDocument.new(), io.BytesIO()
    document.new_page(100, 100)
    document.save(file)
    results = f"/bookings/{fulfilled.id}/results/"
    request("POST", results, files={"file": ("Quibble.pdf", file.getvalue())}, headers=staff.headers, status=202)
    request("POST", results, files={"file": ("Quibble.pdf", b"%PDF-Quibble")}, headers=staff.headers, status=202)
    request("POST", results, files={"file": ("Quibble.pdf", b"Quibble")}, headers=staff.headers, status=415)
    # Let the database refuse the row: the error message of PostgreSQL contains all its values.
    alter("ADD CONSTRAINT broken CHECK (message = '') NOT VALID")
    try:
        request("POST", "/bookings/", json=slot_request(doctor, place, at(4)) | SECRETS, status=500)
    finally:
        alter("DROP CONSTRAINT broken")
    log = campus.log
    wait_for(lambda: log().count("the mail server did not accept an e-mail") > 1, within_s=30, what="mails are tried")
    wait_for(lambda: "a result cannot be read" in log(), within_s=30, what="results are checked")
    assert "unexpected error" in log()
    assert len(errors) > 10
    for value in PATIENT_DATA:
        assert value not in log()
        assert [error for error in errors if value in error] == []
