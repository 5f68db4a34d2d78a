from fastapi.testclient import TestClient
from rich.console import Console
from sqlalchemy import text

from clinic.demo import demonstrate
from conf.db.session import open_session
from iam import demo
from iam.roles import Role
from tests.conftest import empty

COUNTS = ("locations", "doctors", "diagnostics", "bookings", "booking_events", "reviews")


def snapshot() -> list[object]:
    """Return the demo data without its times, which depend on the current time."""
    with open_session() as db:
        counts = [db.scalar(text(f"SELECT count(*) FROM {table}")) for table in COUNTS]
        doctors = db.execute(text("SELECT name, price, stars, reviews FROM doctors ORDER BY id")).all()
        bookings = db.execute(text("SELECT name, doctor_id, station_id, status FROM bookings ORDER BY id")).all()
    return [counts, doctors, bookings]


def test_the_demo_data_is_the_same_on_every_run(anonymous: TestClient) -> None:
    runs = []
    for _ in range(2):
        empty()
        demo.make_accounts()
        console = Console(record=True, width=200)
        demonstrate("", console)
        runs.append((console.export_text(), snapshot()))
    assert runs[0] == runs[1]
    counts = runs[0][1][0]
    assert isinstance(counts, list)
    assert counts[:3] == [6, 40, 12]
    assert 2000 < counts[3] == counts[4] < 9000
    assert counts[5] > 300

    listed = anonymous.get("/api/v1/doctors/", params={"sort": "rating", "limit": 100}).json()["items"]
    assert (len(listed), listed[0]["rating"] >= listed[-1]["rating"] > 3) == (40, True)
    first = listed[0]
    place = {"location_id": first["locations"][0]["id"]}
    assert anonymous.get(f"/api/v1/slots/doctors/{first['id']}/", params=place).json()["items"]

    console = Console(record=True, width=200)
    demonstrate("", console)
    assert "No demo data was added" in console.export_text()
    assert snapshot() == runs[1][1]


def test_the_demo_student_has_bookings(anonymous: TestClient) -> None:
    accounts = demo.make_accounts()
    demonstrate("", Console(quiet=True))
    credentials = {"email": demo.email_of(Role.STUDENT), "password": accounts[Role.STUDENT]}
    token = anonymous.post("/api/v1/auth/login/", json=credentials).json()["access_token"]
    mine = anonymous.get("/api/v1/bookings/", headers={"Authorization": f"Bearer {token}"}).json()["items"]
    assert mine
