"""Patient data is never in logs or error responses: requests of every kind are made, and many of them fail."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pypdfium2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from clinic.bookings.models import BookingStatus
from conf.db.session import dispose, main_read_engine, probe_engine, write_engine
from conf.http import request_log
from conf.settings import get_settings
from iam.roles import Role
from tests.clinic.factory import at, make_booking, make_diagnostic, make_doctor, make_location, slot_request
from tests.conftest import SETTINGS
from tests.people import make_person
from tests.servers import OwnPostgres, open_folder, own_rabbitmq, wait_for
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
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """The URL and the log of a PostgreSQL server of the embedded mode, which this process uses, too."""
    with open_folder() as folder:
        server = OwnPostgres(folder)
        settings = get_settings().model_copy(
            update={"database_url": server.url.replace("postgresql://", "postgresql+psycopg2://")}
        )
        engines = (write_engine, main_read_engine, probe_engine)
        with server.running():
            dispose()
            monkeypatch.setattr("conf.db.session.get_settings", lambda: settings)
            for engine in engines:
                engine.cache_clear()
            yield server.url, folder / "postgresql.log"
            dispose()
            for engine in engines:
                engine.cache_clear()


@pytest.fixture
def campus(tmp_path: Path, database: tuple[str, Path]) -> Iterator[System]:
    """A system with a worker, debug logging and an unreachable mail server."""
    settings = {
        "PUBLIC_URL": SETTINGS["PUBLIC_URL"],
        "LIMITS_FACTOR": "0",
        "LOG_LEVEL": "DEBUG",
        "SMTP_URL": "smtp://127.0.0.1:1",
        "CONFIRM_GUESTS": "false",
    }
    with (
        own_rabbitmq() as broker,
        system(tmp_path / "campus", database_url=database[0], broker_url=broker.url, **settings) as made,
    ):
        made.start(sys.executable, "manage.py", "worker", "--queue", "short", "--beat")
        yield made


def alter(change: str) -> None:
    with write_engine().begin() as connection:
        connection.execute(text(f"ALTER TABLE bookings {change}"))


def test_no_patient_data_is_in_logs_or_errors(campus: System, database: tuple[str, Path]) -> None:
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
    # An ordinary conflict, too, is an error for PostgreSQL.
    for status in (201, 409):
        person = {"email": SECRETS["email"], "password": "a passphrase of the tests", "first_name": "Zacharias"}
        request("POST", "/auth/register/", json=person | {"last_name": "Quibble"}, status=status)
    log_of_database = database[1].read_text()
    assert "uq_users_email" in log_of_database
    for value in (*PATIENT_DATA, "argon2", "INSERT INTO"):
        assert value not in log_of_database
    for value in PATIENT_DATA:
        assert value not in log()
        assert [error for error in errors if value in error] == []


@pytest.mark.parametrize(
    ("method", "path", "shown"),
    [
        ("DELETE", "/api/v1/holds/17.q3VtZl1XcW9sT0hYbmR5a2pQ/", "/api/v1/holds/…/"),
        ("PATCH", "/api/v1/holds/17.q3VtZl1XcW9sT0hYbmR5a2pQ/", "/api/v1/holds/…/"),
        ("GET", "/media/6a2f3c80-q3VtZl1XcW9sT0hYbmR5a2pQ/videos/7/x/master.m3u8", "/media/…/videos/7/x/master.m3u8"),
        ("GET", "/api/v1/groups/7/?key=q3VtZl1XcW9sT0hYbmR5a2pQ", "/api/v1/groups/7/"),
    ],
)
def test_the_request_log_contains_no_keys_of_links(
    anonymous: TestClient, monkeypatch: pytest.MonkeyPatch, method: str, path: str, shown: str
) -> None:
    logged: list[dict[str, object]] = []
    monkeypatch.setattr(request_log.log, "info", lambda _event, **values: logged.append(values), raising=False)
    anonymous.request(method, path)
    assert [entry["path"] for entry in logged] == [shown]
    assert "q3VtZl1XcW9sT0hYbmR5a2pQ" not in str(logged)
