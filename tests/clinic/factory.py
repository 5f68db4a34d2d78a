"""Rows of a clinic for tests, written to the database without the API."""

import datetime as dt
import itertools
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from clinic.bookings import capacity, patients
from clinic.bookings import crud as bookings
from clinic.bookings.models import Booking, BookingStatus, Waiting
from clinic.diagnostics import crud as diagnostics
from clinic.diagnostics.models import Diagnostic, Station
from clinic.doctors import crud as doctors
from clinic.doctors.models import Doctor
from clinic.locations import crud as locations
from clinic.locations.models import Location
from clinic.results.models import Result, ResultStatus
from conf.db.dependencies import with_db_session
from conf.db.session import write_engine
from conf.values import ANY
from tests.people import Person

GUEST = {"name": "Gil Guest", "email": "gil@home.example", "phone": "+49 30 7654321"}
_numbers = itertools.count()
ALWAYS = [{"weekday": day, "opens": "00:00", "closes": "00:00"} for day in range(1, 8)]
RULES = {
    "price": 5000,
    "duration_minutes": 30,
    "interval_minutes": 30,
    "buffer_minutes": 0,
    "notice_minutes": 60,
    "horizon_days": 60,
    "deadline_minutes": 120,
}


def at(days: float, hour: int = 10, minute: int = 0) -> dt.datetime:
    """Return the given time of day in UTC, `days` days from today."""
    today = dt.datetime.now(dt.UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today + dt.timedelta(days=days)


@with_db_session
def make_location(*, db: Session, **fields: Any) -> Location:
    values = {"name": "Main building", "address": "Park 1", "time_zone": "Europe/Berlin", "hours": ALWAYS}
    return locations.create(db, **values | fields)


@with_db_session
def make_doctor(*places: Location, specialty: str = "", hours: Any = ALWAYS, db: Session, **fields: Any) -> Doctor:
    """Create a doctor who works at these locations."""
    kind = doctors.create_specialty(db, name=specialty or f"Specialty {next(_numbers)}")
    values = {"name": "Dr. Rey", "about": "", "experience_years": 7, "certificates": [], "services": []}
    doctor = db.get_one(Doctor, doctors.create(db, specialty_id=kind.id, **RULES | values | fields).id)
    for place in places:
        doctors.put_location(db, doctor_id=doctor.id, location_id=place.id, expected=ANY, hours=hours, exceptions=[])
    return doctor


@with_db_session
def make_diagnostic(*places: Location, room_for: int = 1, db: Session, **fields: Any) -> Diagnostic:
    """Create a diagnostic with the capacity `room_for` at each of these locations."""
    values = {"name": "Blood count", "description": "", "preparation": ""}
    diagnostic = diagnostics.create(db, **RULES | values | fields)
    for place in places:
        capacity.put(db, diagnostic_id=diagnostic.id, location_id=place.id, capacity=room_for)
    return diagnostic


@with_db_session
def make_booking(
    of: Doctor | Diagnostic,
    place: Location,
    patient: Person | str,
    starts_at: dt.datetime,
    *,
    status: BookingStatus = BookingStatus.BOOKED,
    db: Session,
    **fields: Any,
) -> Booking:
    """Create a booking. `patient`: an account, or the e-mail of a guest."""
    ends_at = starts_at + dt.timedelta(minutes=of.duration_minutes)
    values: dict[str, Any] = {"starts_at": starts_at, "ends_at": ends_at, "occupied_until": ends_at, "price": of.price}
    if isinstance(of, Doctor):
        values["doctor_id"] = of.id
    else:
        offer = diagnostics.lock_location(db, diagnostic_id=of.id, location_id=place.id)
        station: Station = diagnostics.stations(db, diagnostic_location_id=offer.id)[0]
        values |= {"diagnostic_id": of.id, "station_id": station.id}
    booking = Booking(location_id=place.id, status=status, **values, **who(db, patient), **fields)
    return bookings.save(db, booking, actor_id=None)


def who(db: Session, patient: Person | str) -> dict[str, Any]:
    """Return the columns of the patient: an account, or a guest by e-mail."""
    if isinstance(patient, Person):
        return patients._of_account(db, patients.Contact(phone="+49 30 1234567"), patient.id)
    return patients.patient_columns(db, patients.Contact(GUEST["name"], patient, GUEST["phone"]), None)


@with_db_session
def make_hold(of: Doctor, place: Location, starts_at: dt.datetime, *, seconds: float = 600, db: Session) -> str:
    """Hold a slot for `seconds` from now. Returns the token of the hold."""
    ends_at = starts_at + dt.timedelta(minutes=of.duration_minutes)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    times = {"starts_at": starts_at, "ends_at": ends_at, "occupied_until": ends_at, "held_until": until}
    booking = Booking(doctor_id=of.id, location_id=place.id, status=BookingStatus.PENDING, price=of.price, **times)
    bookings.save(db, booking, actor_id=None)
    return f"{booking.id}.{patients.link_key('hold', booking.id)}"


@with_db_session
def make_waiting(of: Doctor, place: Location, patient: Person | str, *, db: Session) -> Waiting:
    days = {"first_day": at(0).date(), "last_day": at(30).date()}
    waiting = Waiting(doctor_id=of.id, location_id=place.id, **days, **who(db, patient))
    db.add(waiting)
    db.flush()
    return waiting


@with_db_session
def make_result(booking: Booking, *, db: Session, **fields: Any) -> Result:
    values = {"title": "", "media_type": "application/pdf", "size_bytes": 5, "status": ResultStatus.READY, "pages": 1}
    result = Result(booking_id=booking.id, file_key=f"results/{booking.id}/a/result.pdf", **values | fields)
    db.add(result)
    db.flush()
    return result


def slot_request(doctor: Doctor, place: Location, starts_at: dt.datetime, **more: Any) -> dict[str, Any]:
    """Return the body of a request for the slot, as for a hold or a booking."""
    return {"doctor_id": doctor.id, "location_id": place.id, "starts_at": starts_at.isoformat()} | more


def end_holds() -> None:
    """Let all holds and offers expire, and make the jobs that end them due."""
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    with write_engine().begin() as connection:
        connection.execute(update(Booking).where(Booking.status == BookingStatus.PENDING).values(held_until=ended))
        connection.execute(text("UPDATE jobs SET run_after = now() WHERE name = 'clinic.bookings.expire'"))
