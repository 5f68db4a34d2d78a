"""Targets of bookings: a doctor or a diagnostic at a location. Their rules, their stations and their busy times."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Select, Text, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from clinic.bookable.models import Bookable
from clinic.bookings.models import TAKES_TIME, Booking
from clinic.bookings.slots import Grid, grid
from clinic.diagnostics import crud as diagnostics
from clinic.diagnostics.models import Diagnostic, DiagnosticLocation, Station
from clinic.doctors import crud as doctors
from clinic.doctors.models import Doctor, DoctorLocation
from clinic.locations.calendar import DAY, Interval
from clinic.locations.models import Location
from conf.errors import NotFound


class Overlap(Exception):
    """The booking overlaps another booking. `shared`: what both use, "doctor", "station" or "patient"."""

    def __init__(self, shared: str) -> None:
        super().__init__(shared)
        self.shared = shared


@dataclass(frozen=True)
class Target:
    """A doctor or a diagnostic at a location, with the rules for its slots."""

    doctor_id: int | None
    diagnostic_id: int | None
    location_id: int
    stations: tuple[int, ...]
    """The diagnostic's stations in use at the location; empty for a doctor."""
    time_zone: str
    grid: Grid
    buffer_s: int
    notice_s: int
    horizon_days: int
    price: int


def _select_schedule(schedule: Any, prefix: str) -> tuple[Any, Any]:
    """Select hours and exceptions as JSON text: `calendar` uses it as a cache key, without parsing it again."""
    texts = ((name, cast(getattr(schedule, name), Text)) for name in ("hours", "exceptions"))
    hours, exceptions = (text.label(f"{prefix}_{name}") for name, text in texts)
    return hours, exceptions


def _rules(kind: type[Bookable]) -> list[Any]:
    names = ("duration_minutes", "interval_minutes", "buffer_minutes", "notice_minutes", "horizon_days", "price")
    return [kind.__table__.c[name] for name in names]  # type: ignore[attr-defined]


_LOCATION = (Location.time_zone, *_select_schedule(Location, "location"))
_OF_DOCTOR: Select[Any] = (
    select(*_rules(Doctor), *_LOCATION, *_select_schedule(DoctorLocation, "own"))
    .join(DoctorLocation, DoctorLocation.doctor_id == Doctor.id)
    .join(Location, Location.id == DoctorLocation.location_id)
    .where(Doctor.id == bindparam("which_id"), Location.id == bindparam("location_id"))
    .where(Doctor.is_active, Location.is_active)
)
_STATIONS = (
    select(func.array_agg(aggregate_order_by(Station.id, Station.number)))
    .where(Station.diagnostic_location_id == DiagnosticLocation.id, Station.in_use)
    .scalar_subquery()
)
_OF_DIAGNOSTIC: Select[Any] = (
    select(*_rules(Diagnostic), *_LOCATION, _STATIONS)
    .join(DiagnosticLocation, DiagnosticLocation.diagnostic_id == Diagnostic.id)
    .join(Location, Location.id == DiagnosticLocation.location_id)
    .where(Diagnostic.id == bindparam("which_id"), Location.id == bindparam("location_id"))
    .where(Diagnostic.is_active, Location.is_active)
)


def get(db: Session, *, doctor_id: int | None, diagnostic_id: int | None, location_id: int) -> Target:
    """Return the target. Raises: NotFound, if it does not exist, is inactive, or is not offered at the location."""
    parameters = {"which_id": doctor_id or diagnostic_id, "location_id": location_id}
    row = db.execute(_OF_DOCTOR if doctor_id else _OF_DIAGNOSTIC, parameters).one_or_none()
    if row is None:
        if doctor_id:
            doctors.get(db, doctor_id=doctor_id, include_inactive=False)
        else:
            diagnostics.get(db, diagnostic_id=diagnostic_id or 0, include_inactive=False)
        name = f"doctor {doctor_id}" if doctor_id else f"diagnostic {diagnostic_id}"
        raise NotFound(f"{name} at location", location_id, field="location_id")
    duration, interval, buffer, notice, horizon, price, zone, hours, exceptions, *rest = row
    location = (hours, exceptions)
    own, stations = ((rest[0], rest[1]), ()) if doctor_id else (location, tuple(rest[0] or ()))
    return Target(
        doctor_id=doctor_id,
        diagnostic_id=diagnostic_id,
        location_id=location_id,
        stations=stations,
        time_zone=zone,
        grid=grid(zone, own, location if doctor_id else None, duration, interval),
        buffer_s=buffer * 60,
        notice_s=notice * 60,
        horizon_days=horizon,
        price=price,
    )


def _seconds(moment: Any) -> Any:
    return cast(func.extract("epoch", moment), BigInteger)


_TAKEN: Select[Any] = (
    select(_seconds(Booking.starts_at), _seconds(Booking.occupied_until), Booking.station_id)
    .where(Booking.starts_at > bindparam("after"), Booking.starts_at < bindparam("before"))
    .where(Booking.id != bindparam("except_id"))
    .where(
        Booking.status.in_(TAKES_TIME), or_(Booking.held_until.is_(None), Booking.held_until > func.clock_timestamp())
    )
    .order_by(Booking.starts_at)
)
_TAKEN_DOCTOR = _TAKEN.where(Booking.doctor_id == bindparam("doctor_id"))
_TAKEN_STATIONS = _TAKEN.where(Booking.station_id == func.any(bindparam("stations")))
_TAKEN_PATIENT = _TAKEN.with_only_columns(_seconds(Booking.starts_at), _seconds(Booking.ends_at)).where(
    Booking.patient_key == bindparam("patient_key")
)


def _between(start: dt.datetime, end: dt.datetime, except_id: int | None = None) -> dict[str, Any]:
    """Return query parameters for all bookings that overlap this time. No booking is longer than a day."""
    return {"after": start - DAY, "before": end, "except_id": except_id or 0}


def busy(db: Session, *, target: Target, start: dt.datetime, end: dt.datetime) -> list[list[Interval]]:
    """Return the busy intervals around this time: one list for the doctor, or one for each station in use."""
    if target.doctor_id:
        rows = db.execute(_TAKEN_DOCTOR, _between(start, end) | {"doctor_id": target.doctor_id})
        return [[Interval(row[0], row[1]) for row in rows]]
    return list(busy_stations(db, stations=target.stations, start=start, end=end).values())


def busy_stations(
    db: Session, *, stations: Sequence[int], start: dt.datetime, end: dt.datetime, except_id: int | None = None
) -> dict[int, list[Interval]]:
    """Return the busy intervals of each station around this time, without those of the booking `except_id`."""
    taken: dict[int, list[Interval]] = {station: [] for station in stations}
    for row in db.execute(_TAKEN_STATIONS, _between(start, end, except_id) | {"stations": list(stations)}):
        taken[row[2]].append(Interval(row[0], row[1]))
    return taken


def busy_patient(db: Session, *, patient_key: int, start: dt.datetime, end: dt.datetime) -> list[Interval]:
    """Return the intervals of the patient's bookings around this time."""
    rows = db.execute(_TAKEN_PATIENT, _between(start, end) | {"patient_key": patient_key})
    return [Interval(row[0], row[1]) for row in rows]


def assign_station(booking: Booking, taken: dict[int, list[Interval]]) -> None:
    """Assign the booking to the first station that is free at its time, and add the time to `taken`. Raises: Overlap.

    `taken`: the busy intervals of each station.
    """
    needed = Interval(int(booking.starts_at.timestamp()), int(booking.occupied_until.timestamp()))
    for station, times in taken.items():
        if not any(one.start < needed.end and one.end > needed.start for one in times):
            times.append(needed)
            booking.station_id = station
            return
    raise Overlap("station")


def assign_free_station(db: Session, booking: Booking, *, stations: Sequence[int]) -> None:
    """Assign the booking to the first of these stations that no other booking occupies. Raises: Overlap."""
    with db.no_autoflush:  # the booking cannot be written before it has a station
        assign_station(
            booking,
            busy_stations(
                db, stations=stations, start=booking.starts_at, end=booking.occupied_until, except_id=booking.id
            ),
        )


def sibling_stations(db: Session, *, station_id: int) -> Sequence[int]:
    """Return the stations in use of the same diagnostic at the same location."""
    same = select(Station.diagnostic_location_id).where(Station.id == station_id).scalar_subquery()
    query = select(Station.id).where(Station.diagnostic_location_id == same, Station.in_use).order_by(Station.number)
    return db.scalars(query).all()


def lock(db: Session, *, doctor_id: int | None, diagnostic_id: int | None, location_ids: set[int]) -> None:
    """Lock the time of the doctor, or of the diagnostic at these locations, until the transaction ends.

    Call this before time of the target is booked or freed. The exclusion constraints work without this lock, but two
    transactions that want the same time would wait for each other until PostgreSQL reports a deadlock after a second.
    All code takes locks in the same order: the target, the booking, the patient.
    """
    if doctor_id:
        query = select(Doctor.id).where(Doctor.id == doctor_id).with_for_update(key_share=True)
    else:
        where = DiagnosticLocation.diagnostic_id == diagnostic_id, DiagnosticLocation.location_id.in_(location_ids)
        query = select(DiagnosticLocation.id).where(*where).order_by(DiagnosticLocation.id)
        query = query.with_for_update(key_share=True)
    db.execute(query).all()
