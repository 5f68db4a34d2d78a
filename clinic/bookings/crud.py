"""Queries on `bookings` and `booking_events`, and on what a booking takes the time of."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    delete,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from clinic.bookable.models import Bookable
from clinic.bookings.models import (
    DOCTOR_TWICE,
    PATIENT_TWICE,
    STATION_TWICE,
    TAKES_TIME,
    Booking,
    BookingEvent,
    Status,
)
from clinic.bookings.slots import Grid, grid
from clinic.diagnostics import crud as diagnostics
from clinic.diagnostics.models import Diagnostic, DiagnosticLocation, Station
from clinic.doctors import crud as doctors
from clinic.doctors.models import Doctor, DoctorLocation
from clinic.locations.calendar import DAY, Interval
from clinic.locations.models import Location
from conf.db.models import constraint_of
from conf.errors import Conflict, Invalid, NotFound

PATIENT_LOCK = 0x636C696E  # "clin"
_NOW = func.clock_timestamp()


class Twice(Exception):
    """Somebody or something would be at two bookings at a time: `whose`, "doctor", "station" or "patient"."""

    def __init__(self, whose: str) -> None:
        super().__init__(whose)
        self.whose = whose


TWICE = {DOCTOR_TWICE: "doctor", STATION_TWICE: "station", PATIENT_TWICE: "patient"}


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


def target(db: Session, *, doctor_id: int | None, diagnostic_id: int | None, location_id: int) -> Target:
    """NotFound when there is no such doctor or diagnostic, or not at that location."""
    asked = {"which_id": doctor_id or diagnostic_id, "location_id": location_id}
    row = db.execute(_OF_DOCTOR if doctor_id else _OF_DIAGNOSTIC, asked).one_or_none()
    if row is None:
        if doctor_id:
            doctors.get(db, doctor_id=doctor_id, hidden=False)
        else:
            diagnostics.get(db, diagnostic_id=diagnostic_id or 0, hidden=False)
        raise NotFound("location of it with the id", location_id, field="location_id")
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
    .where(Booking.id != bindparam("besides_id"))
    .where(Booking.status.in_(TAKES_TIME), or_(Booking.held_until.is_(None), Booking.held_until > _NOW))
    .order_by(Booking.starts_at)
)
_TAKEN_DOCTOR = _TAKEN.where(Booking.doctor_id == bindparam("doctor_id"))
_TAKEN_STATIONS = _TAKEN.where(Booking.station_id == func.any(bindparam("stations")))
_TAKEN_PATIENT = _TAKEN.with_only_columns(_seconds(Booking.starts_at), _seconds(Booking.ends_at)).where(
    Booking.patient_key == bindparam("patient_key")
)


def _between(start: dt.datetime, end: dt.datetime, besides_id: int | None = None) -> dict[str, Any]:
    """Nothing takes longer than a day."""
    return {"after": start - DAY, "before": end, "besides_id": besides_id or 0}


def busy(db: Session, *, target: Target, start: dt.datetime, end: dt.datetime) -> list[list[Interval]]:
    """When the doctor, or each station in use, is taken, of what reaches into that time."""
    if target.doctor_id:
        rows = db.execute(_TAKEN_DOCTOR, _between(start, end) | {"doctor_id": target.doctor_id})
        return [[Interval(row[0], row[1]) for row in rows]]
    return list(busy_stations(db, stations=target.stations, start=start, end=end).values())


def busy_stations(
    db: Session, *, stations: Sequence[int], start: dt.datetime, end: dt.datetime, besides_id: int | None = None
) -> dict[int, list[Interval]]:
    """When each is taken, `besides` by one booking."""
    taken: dict[int, list[Interval]] = {station: [] for station in stations}
    for row in db.execute(_TAKEN_STATIONS, _between(start, end, besides_id) | {"stations": list(stations)}):
        taken[row[2]].append(Interval(row[0], row[1]))
    return taken


def busy_patient(db: Session, *, patient_key: int, start: dt.datetime, end: dt.datetime) -> list[Interval]:
    rows = db.execute(_TAKEN_PATIENT, _between(start, end) | {"patient_key": patient_key})
    return [Interval(row[0], row[1]) for row in rows]


def seat(booking: Booking, taken: dict[int, list[Interval]]) -> None:
    """Give a booking of a diagnostic the first of these stations that nothing takes in its time, and note it there.
    Twice."""
    wanted = Interval(int(booking.starts_at.timestamp()), int(booking.occupied_until.timestamp()))
    for station, times in taken.items():
        if not any(one.start < wanted.end and one.end > wanted.start for one in times):
            times.append(wanted)
            booking.station_id = station
            return
    raise Twice("station")


def seat_at(db: Session, booking: Booking, *, stations: Sequence[int]) -> None:
    """The same, of what else is booked at these stations."""
    with db.no_autoflush:  # the booking is written when it has its station
        seat(
            booking,
            busy_stations(
                db, stations=stations, start=booking.starts_at, end=booking.occupied_until, besides_id=booking.id
            ),
        )


def upcoming_at(db: Session, *, stations: Sequence[int]) -> Sequence[Booking]:
    """What is still to come at these stations, locked, the earliest first."""
    query = select(Booking).where(Booking.station_id.in_(stations), Booking.occupied_until > _NOW)
    query = query.where(Booking.status.in_(TAKES_TIME)).order_by(Booking.starts_at, Booking.id)
    return db.scalars(query.with_for_update()).all()


def stations_beside(db: Session, *, station_id: int) -> Sequence[int]:
    """Those in use of the same diagnostic at the same location."""
    there = select(Station.diagnostic_location_id).where(Station.id == station_id).scalar_subquery()
    query = select(Station.id).where(Station.diagnostic_location_id == there, Station.in_use).order_by(Station.number)
    return db.scalars(query).all()


def lock_time(db: Session, *, doctor_id: int | None, diagnostic_id: int | None, location_ids: set[int]) -> None:
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


def lock_patient(db: Session, *, patient_key: int) -> None:
    """The same for the patient's time. One patient in a transaction, or two would wait for each other."""
    db.execute(select(func.pg_advisory_xact_lock(PATIENT_LOCK, func.hashint8(patient_key))))


def try_lock_patients(db: Session, *, patient_keys: Sequence[int]) -> bool:
    """The same, of others, without waiting: whether nobody else had any of them."""
    locked = select(func.pg_try_advisory_xact_lock(PATIENT_LOCK, func.hashint8(column("key"))).label("got"))
    locked = locked.select_from(func.unnest(cast(list(patient_keys), ARRAY(BigInteger))).alias("key"))
    return all(db.scalars(locked))


def lapsed(
    db: Session,
    *,
    doctor_id: int | None = None,
    stations: Sequence[int] = (),
    patient_key: int | None = None,
    besides_id: int | None = None,
) -> Sequence[Booking]:
    """Locked, what was held of the doctor, the stations or for the patient, but for one booking, and is held no longer.
    The time of the former is locked; what somebody else has locked of the patient's is being dealt with there."""
    over = select(Booking).where(Booking.status == Status.PENDING, Booking.held_until <= _NOW)
    over = over.where(Booking.id != (besides_id or 0))
    here = Booking.doctor_id == doctor_id if doctor_id else Booking.station_id.in_(stations)
    found = list(db.scalars(over.where(here).with_for_update()))
    if patient_key is not None:
        mine = over.where(Booking.patient_key == patient_key, Booking.id.not_in([booking.id for booking in found]))
        found += db.scalars(mine.with_for_update(skip_locked=True))
    return found


def get(db: Session, *, booking_id: int) -> Booking:
    """The booking, or NotFound."""
    booking = db.get(Booking, booking_id)
    if booking is None:
        raise NotFound("booking", booking_id)
    return booking


def lock(db: Session, *, booking_id: int, also: int | None = None) -> Booking:
    """The booking, the time that it takes, and could take at the location `also`, and its patient, locked until the
    transaction ends. NotFound; Conflict when it is just being moved."""
    seen = get(db, booking_id=booking_id)
    places = {seen.location_id, also or seen.location_id}
    lock_time(db, doctor_id=seen.doctor_id, diagnostic_id=seen.diagnostic_id, location_ids=places)
    booking = db.get(Booking, booking_id, with_for_update=True, populate_existing=True)
    if booking is None:
        raise NotFound("booking", booking_id)
    if booking.location_id not in places:
        raise Conflict("It has just been moved. Try again.")
    if booking.patient_key is not None:
        lock_patient(db, patient_key=booking.patient_key)
    return booking


def save(db: Session, booking: Booking, *, actor_id: int | None, reason: str = "") -> Booking:
    """Write the booking and what became of it. Twice, and Conflict when something of it is gone; then the transaction,
    or its savepoint, has to be rolled back."""
    db.add(booking)
    flush(db)
    event = BookingEvent(
        booking_id=booking.id,
        actor_id=actor_id,
        status=booking.status,
        starts_at=booking.starts_at,
        location_id=booking.location_id,
        reason=reason,
    )
    db.add(event)
    db.flush()
    return booking


def flush(db: Session) -> None:
    """Write bookings. Twice; Conflict when something they name has just been deleted."""
    try:
        db.flush()
    except IntegrityError as error:
        constraint = constraint_of(error)
        if constraint in TWICE:
            raise Twice(TWICE[constraint]) from None
        if constraint.startswith("fk_bookings_"):
            raise Conflict("Something that the booking names has just been deleted.") from None
        raise


def remove(db: Session, *, booking_id: int) -> None:
    """Of a time that was only held."""
    db.execute(delete(Booking).where(Booking.id == booking_id))


def history(db: Session, *, booking_id: int) -> Sequence[BookingEvent]:
    """The oldest first."""
    query = select(BookingEvent).where(BookingEvent.booking_id == booking_id).order_by(BookingEvent.id)
    return db.scalars(query).all()


def count_events(db: Session, *, booking_id: int) -> int:
    return db.scalar(select(func.count()).where(BookingEvent.booking_id == booking_id)) or 0


_SHOWN: Select[Any] = (
    select(
        *Booking.__table__.c,
        Doctor.name.label("doctor_name"),
        Diagnostic.name.label("diagnostic_name"),
        Location.name.label("location_name"),
        Location.address.label("address"),
        Location.time_zone.label("time_zone"),
        case((Doctor.id.is_(None), Diagnostic.deadline_minutes), else_=Doctor.deadline_minutes).label(
            "deadline_minutes"
        ),
    )
    .join(Location, Location.id == Booking.location_id)
    .outerjoin(Doctor, Doctor.id == Booking.doctor_id)
    .outerjoin(Diagnostic, Diagnostic.id == Booking.diagnostic_id)
)


def view(db: Session, *, booking_id: int) -> Row[Any]:
    """The columns, and those of doctor, diagnostic and location that people want to see; or NotFound."""
    row = db.execute(_SHOWN.where(Booking.id == booking_id)).one_or_none()
    if row is None:
        raise NotFound("booking", booking_id)
    return row


def _moment(microseconds: int) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=microseconds)
    except OverflowError:
        raise Invalid("This is not a cursor of this API.", field="cursor") from None


def page(
    db: Session,
    *,
    after: tuple[int, int] | None,
    limit: int,
    patient_id: int | None,
    since: dt.datetime | None = None,
    day: dt.date | None = None,
    doctor_id: int | None = None,
    diagnostic_id: int | None = None,
    location_id: int | None = None,
    status: Status | None = None,
) -> Sequence[Row[Any]]:
    """As `view` has them, of one patient or of all, the earliest first; but for times that are only held. `after`: Unix
    microseconds of the last one's beginning, and its id. `day`: in the time zone of each location."""
    query = _SHOWN.where(Booking.email.is_not(None)).order_by(Booking.starts_at, Booking.id).limit(limit)
    if after is not None:
        last = _moment(after[0])
        query = query.where(or_(Booking.starts_at > last, and_(Booking.starts_at == last, Booking.id > after[1])))
    if day is not None:
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
        query = query.where(func.date(func.timezone(Location.time_zone, Booking.starts_at)) == day)
        query = query.where(Booking.starts_at.between(midnight - DAY, midnight + 2 * DAY))
    if since is not None:
        query = query.where(Booking.starts_at >= since)
    wanted = {
        "patient_id": patient_id,
        "doctor_id": doctor_id,
        "diagnostic_id": diagnostic_id,
        "location_id": location_id,
        "status": status,
    }
    for name, value in wanted.items():
        if value is not None:
            query = query.where(getattr(Booking, name) == value)
    return db.execute(query).all()
