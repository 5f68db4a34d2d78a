"""What a booking takes the time of: a doctor, or a station of a diagnostic, at a location; and what of it is taken."""

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
    """Somebody or something would be at two bookings at a time: `of`, "doctor", "station" or "patient"."""

    def __init__(self, of: str) -> None:
        super().__init__(of)
        self.of = of


@dataclass(frozen=True)
class Target:
    """What a booking takes the time of: a doctor, or a diagnostic, at a location; and by which rules."""

    doctor_id: int | None
    diagnostic_id: int | None
    location_id: int
    stations: tuple[int, ...]
    """Of the diagnostic there, those in use."""
    time_zone: str
    grid: Grid
    buffer_s: int
    notice_s: int
    horizon_days: int
    price: int


def _told(schedule: Any, whose: str) -> tuple[Any, Any]:
    """Hours and exceptions as JSON text, which `calendar` knows again without reading it."""
    texts = ((name, cast(getattr(schedule, name), Text)) for name in ("hours", "exceptions"))
    hours, exceptions = (text.label(f"{whose}_{name}") for name, text in texts)
    return hours, exceptions


def _rules(kind: type[Bookable]) -> list[Any]:
    names = ("duration_minutes", "interval_minutes", "buffer_minutes", "notice_minutes", "horizon_days", "price")
    return [kind.__table__.c[name] for name in names]  # type: ignore[attr-defined]


_HOUSE = (Location.time_zone, *_told(Location, "house"))
_OF_DOCTOR: Select[Any] = (
    select(*_rules(Doctor), *_HOUSE, *_told(DoctorLocation, "own"))
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
    select(*_rules(Diagnostic), *_HOUSE, _STATIONS)
    .join(DiagnosticLocation, DiagnosticLocation.diagnostic_id == Diagnostic.id)
    .join(Location, Location.id == DiagnosticLocation.location_id)
    .where(Diagnostic.id == bindparam("which_id"), Location.id == bindparam("location_id"))
    .where(Diagnostic.is_active, Location.is_active)
)


def get(db: Session, *, doctor_id: int | None, diagnostic_id: int | None, location_id: int) -> Target:
    """NotFound when there is no such doctor or diagnostic, or not at that location."""
    asked = {"which_id": doctor_id or diagnostic_id, "location_id": location_id}
    row = db.execute(_OF_DOCTOR if doctor_id else _OF_DIAGNOSTIC, asked).one_or_none()
    if row is None:
        if doctor_id:
            doctors.get(db, doctor_id=doctor_id, hidden=False)
        else:
            diagnostics.get(db, diagnostic_id=diagnostic_id or 0, hidden=False)
        whose = f"doctor {doctor_id}" if doctor_id else f"diagnostic {diagnostic_id}"
        raise NotFound(f"time of {whose} at the location", location_id, field="location_id")
    duration, interval, buffer, notice, horizon, price, zone, hours, exceptions, *rest = row
    house = (hours, exceptions)
    own, stations = ((rest[0], rest[1]), ()) if doctor_id else (house, tuple(rest[0] or ()))
    return Target(
        doctor_id=doctor_id,
        diagnostic_id=diagnostic_id,
        location_id=location_id,
        stations=stations,
        time_zone=zone,
        grid=grid(zone, own, house if doctor_id else None, duration, interval),
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
    """Nothing takes longer than a day."""
    return {"after": start - DAY, "before": end, "except_id": except_id or 0}


def busy(db: Session, *, target: Target, start: dt.datetime, end: dt.datetime) -> list[list[Interval]]:
    """When the doctor, or each station in use, is taken, of what reaches into that time."""
    if target.doctor_id:
        rows = db.execute(_TAKEN_DOCTOR, _between(start, end) | {"doctor_id": target.doctor_id})
        return [[Interval(row[0], row[1]) for row in rows]]
    return list(busy_stations(db, stations=target.stations, start=start, end=end).values())


def busy_stations(
    db: Session, *, stations: Sequence[int], start: dt.datetime, end: dt.datetime, except_id: int | None = None
) -> dict[int, list[Interval]]:
    """When each is taken, `besides` by one booking."""
    taken: dict[int, list[Interval]] = {station: [] for station in stations}
    for row in db.execute(_TAKEN_STATIONS, _between(start, end, except_id) | {"stations": list(stations)}):
        taken[row[2]].append(Interval(row[0], row[1]))
    return taken


def busy_patient(db: Session, *, patient_key: int, start: dt.datetime, end: dt.datetime) -> list[Interval]:
    rows = db.execute(_TAKEN_PATIENT, _between(start, end) | {"patient_key": patient_key})
    return [Interval(row[0], row[1]) for row in rows]


def assign_station(booking: Booking, taken: dict[int, list[Interval]]) -> None:
    """Give a booking of a diagnostic the first of these stations that nothing takes in its time, and note it there.
    Overlap."""
    wanted = Interval(int(booking.starts_at.timestamp()), int(booking.occupied_until.timestamp()))
    for station, times in taken.items():
        if not any(one.start < wanted.end and one.end > wanted.start for one in times):
            times.append(wanted)
            booking.station_id = station
            return
    raise Overlap("station")


def assign_free_station(db: Session, booking: Booking, *, stations: Sequence[int]) -> None:
    """The same, of what else is booked at these stations."""
    with db.no_autoflush:  # the booking is written when it has its station
        assign_station(
            booking,
            busy_stations(
                db, stations=stations, start=booking.starts_at, end=booking.occupied_until, except_id=booking.id
            ),
        )


def stations_beside(db: Session, *, station_id: int) -> Sequence[int]:
    """Those in use of the same diagnostic at the same location."""
    there = select(Station.diagnostic_location_id).where(Station.id == station_id).scalar_subquery()
    query = select(Station.id).where(Station.diagnostic_location_id == there, Station.in_use).order_by(Station.number)
    return db.scalars(query).all()


def lock(db: Session, *, doctor_id: int | None, diagnostic_id: int | None, location_ids: set[int]) -> None:
    """Before time of the doctor, or of the diagnostic at these locations, is given or moved: one after the other.

    The constraints hold without it, but two who want the same time would wait for each other, which PostgreSQL ends
    after a second with a deadlock. Locks are taken in one order everywhere: this, the booking, the patient.
    """
    if doctor_id:
        query = select(Doctor.id).where(Doctor.id == doctor_id).with_for_update(key_share=True)
    else:
        here = DiagnosticLocation.diagnostic_id == diagnostic_id, DiagnosticLocation.location_id.in_(location_ids)
        query = select(DiagnosticLocation.id).where(*here).order_by(DiagnosticLocation.id)
        query = query.with_for_update(key_share=True)
    db.execute(query).all()
