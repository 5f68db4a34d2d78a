"""Fixtures: a location in UTC that is always open, a doctor who works there, a patient and a staff member."""

import datetime as dt

import pytest
from fastapi.testclient import TestClient

from clinic.doctors.models import Doctor
from clinic.locations.models import Location
from iam.roles import Role
from tests.clinic.factory import make_doctor, make_location
from tests.people import Person, make_person


@pytest.fixture(autouse=True)
def _notices_are_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a notice waits for a minute, for further changes."""
    monkeypatch.setattr("clinic.bookings.notices.SETTLE", dt.timedelta())


@pytest.fixture
def patient(anonymous: TestClient) -> Person:
    return make_person(Role.STUDENT, name="Pat")


@pytest.fixture
def staff(anonymous: TestClient) -> Person:
    return make_person(Role.STAFF)


@pytest.fixture
def place(anonymous: TestClient) -> Location:
    return make_location(time_zone="UTC")


@pytest.fixture
def doctor(place: Location) -> Doctor:
    return make_doctor(place)
