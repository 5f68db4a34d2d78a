"""Queries on `bookings`, `booking_events`, `waiting` and `telegram_init_data`."""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Row,
    Select,
    and_,
    case,
    cast,
    column,
    delete,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from clinic.bookings import targets
from clinic.bookings.models import (
    DOCTOR_OVERLAP,
    PATIENT_OVERLAP,
    STATION_OVERLAP,
    TAKES_TIME,
    Booking,
    BookingEvent,
    BookingStatus,
    InitData,
    Waiting,
)
from clinic.bookings.targets import Overlap
from clinic.diagnostics.models import Diagnostic
from clinic.doctors.models import Doctor
from clinic.locations.calendar import DAY
from clinic.locations.models import Location
from conf.db import rows
from conf.errors import Conflict, Invalid, NotFound

PATIENT_LOCK = 0x636C696E  # "clin"
_NOW = func.clock_timestamp()


VIOLATIONS = {
    DOCTOR_OVERLAP: partial(Overlap, "doctor"),
    STATION_OVERLAP: partial(Overlap, "station"),
    PATIENT_OVERLAP: partial(Overlap, "patient"),
} | dict.fromkeys(
    [f"fk_bookings_{name}_id" for name in ("patient", "doctor", "diagnostic", "station", "location")],
    partial(Conflict, "Something that the booking names has just been deleted."),
)


def upcoming_at(db: Session, *, stations: Sequence[int]) -> Sequence[Booking]:
    """What is still to come at these stations, locked, the earliest first."""
    query = select(Booking).where(Booking.station_id.in_(stations), Booking.occupied_until > _NOW)
    query = query.where(Booking.status.in_(TAKES_TIME)).order_by(Booking.starts_at, Booking.id)
    return db.scalars(query.with_for_update()).all()


def lock_patient(db: Session, *, patient_key: int) -> None:
    """As `targets.lock`, for the patient's time. One patient in a transaction, or two would wait for each other."""
    db.execute(select(func.pg_advisory_xact_lock(PATIENT_LOCK, func.hashint8(patient_key))))


def try_lock_patients(db: Session, *, patient_keys: Sequence[int]) -> bool:
    """The same, of others, without waiting: whether nobody else had any of them."""
    locked = select(func.pg_try_advisory_xact_lock(PATIENT_LOCK, func.hashint8(column("key"))).label("got"))
    locked = locked.select_from(func.unnest(cast(list(patient_keys), ARRAY(BigInteger))).alias("key"))
    return all(db.scalars(locked))


def lock_expired_holds(
    db: Session,
    *,
    doctor_id: int | None = None,
    stations: Sequence[int] = (),
    patient_key: int | None = None,
    except_id: int | None = None,
) -> Sequence[Booking]:
    """Locked, what was held of the doctor, the stations or for the patient, but for one booking, and is held no longer.
    The time of the former is locked; what somebody else has locked of the patient's is being dealt with there."""
    over = select(Booking).where(Booking.status == BookingStatus.PENDING, Booking.held_until <= _NOW)
    over = over.where(Booking.id != (except_id or 0))
    here = Booking.doctor_id == doctor_id if doctor_id else Booking.station_id.in_(stations)
    found = list(db.scalars(over.where(here).with_for_update()))
    if patient_key is not None:
        mine = over.where(Booking.patient_key == patient_key, Booking.id.not_in([booking.id for booking in found]))
        found += db.scalars(mine.with_for_update(skip_locked=True))
    return found


def get(db: Session, *, booking_id: int) -> Booking:
    """Return the booking. Raises: NotFound."""
    return rows.get(db, Booking, booking_id)


def lock(db: Session, *, booking_id: int, also: int | None = None) -> Booking:
    """The booking, the time that it takes, and could take at the location `also`, and its patient, locked until the
    transaction ends. NotFound; Conflict when it is just being moved."""
    seen = get(db, booking_id=booking_id)
    places = {seen.location_id, also or seen.location_id}
    targets.lock(db, doctor_id=seen.doctor_id, diagnostic_id=seen.diagnostic_id, location_ids=places)
    booking = rows.lock(db, Booking, booking_id)
    if booking.location_id not in places:
        raise Conflict("It has just been moved. Try again.")
    if booking.patient_key is not None:
        lock_patient(db, patient_key=booking.patient_key)
    return booking


def save(db: Session, booking: Booking, *, actor_id: int | None, reason: str = "") -> Booking:
    """Write the booking and an event in its history. After an error, roll back the transaction or the savepoint.

    Raises: Overlap; Conflict, if something that the booking refers to has been deleted.
    """
    rows.save(db, booking, VIOLATIONS)
    event = BookingEvent(
        booking_id=booking.id,
        actor_id=actor_id,
        status=booking.status,
        starts_at=booking.starts_at,
        location_id=booking.location_id,
        reason=reason,
    )
    rows.save(db, event)
    return booking


def remove(db: Session, *, booking_id: int) -> None:
    """Of a time that was only held."""
    db.execute(delete(Booking).where(Booking.id == booking_id))


def history(db: Session, *, booking_id: int) -> Sequence[BookingEvent]:
    """The oldest first."""
    query = select(BookingEvent).where(BookingEvent.booking_id == booking_id).order_by(BookingEvent.id)
    return db.scalars(query).all()


def count_events(db: Session, *, booking_id: int) -> int:
    return db.scalar(select(func.count()).where(BookingEvent.booking_id == booking_id)) or 0


_deadline = case((Doctor.id.is_(None), Diagnostic.deadline_minutes), else_=Doctor.deadline_minutes)
_SHOWN: Select[Any] = (
    select(
        *Booking.__table__.c,
        Doctor.name.label("doctor_name"),
        Diagnostic.name.label("diagnostic_name"),
        Location.name.label("location_name"),
        Location.address.label("address"),
        Location.time_zone.label("time_zone"),
        (Booking.starts_at - func.make_interval(0, 0, 0, 0, 0, _deadline)).label("changeable_until"),
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
    until: dt.datetime | None = None,
    words: str | None = None,
    day: dt.date | None = None,
    doctor_id: int | None = None,
    diagnostic_id: int | None = None,
    location_id: int | None = None,
    status: BookingStatus | None = None,
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
    if until is not None:
        query = query.where(Booking.starts_at < until)
    if words is not None:
        said = (Booking.name, Booking.email, Booking.phone)
        query = query.where(or_(*(column.icontains(words, autoescape=True) for column in said)))
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


def add_waiting(db: Session, **values: Any) -> Waiting | None:
    """None when the account waits there already."""
    adding = insert(Waiting).values(**values).on_conflict_do_nothing().returning(Waiting)
    made: Waiting | None = db.scalars(adding).one_or_none()
    return made


def page_of_waiting(db: Session, *, after_id: int | None, limit: int, **wanted: int | None) -> Sequence[Waiting]:
    """The first who came first. `wanted`: what the columns of these names have to be."""
    query = select(Waiting).where(Waiting.id > (after_id or 0)).order_by(Waiting.id).limit(limit)
    for name, value in wanted.items():
        if value is not None:
            query = query.where(getattr(Waiting, name) == value)
    return db.scalars(query).all()


def first_waiting(
    db: Session, *, target: targets.Target, day: dt.date, joined_after: dt.datetime | None, limit: int
) -> Sequence[Waiting]:
    """Who waits for the target on that day, the first who came first."""
    whom = Waiting.doctor_id == target.doctor_id if target.doctor_id else Waiting.diagnostic_id == target.diagnostic_id
    query = (
        select(Waiting)
        .where(whom, Waiting.location_id == target.location_id, Waiting.first_day <= day, Waiting.last_day >= day)
        .order_by(Waiting.id)
        .limit(limit)
    )
    if joined_after is not None:
        query = query.where(Waiting.created_at > joined_after)
    return db.scalars(query).all()


def try_lock_waiting(db: Session, *, waiting_id: int) -> bool:
    """Whether the row is there and nobody else has it; without waiting."""
    query = select(Waiting.id).where(Waiting.id == waiting_id).with_for_update(skip_locked=True)
    return db.scalar(query) is not None


def forget_waiting(db: Session, *, limit: int) -> None:
    """Nobody waits for a day that is over everywhere, and we need not know who did."""
    over = select(Waiting.id).where(Waiting.last_day < func.current_date() - 1).limit(limit)
    db.execute(delete(Waiting).where(Waiting.id.in_(over.with_for_update(skip_locked=True))))


def use_init_data(db: Session, *, digest: bytes, remember: dt.timedelta) -> bool:
    """Note what Telegram signed, and forget some of what is older. False when it has been used."""
    old = select(InitData.id).where(InitData.used_at < func.now() - remember).limit(50)
    db.execute(delete(InitData).where(InitData.id.in_(old.with_for_update(skip_locked=True))))
    using = insert(InitData).values(digest=digest).on_conflict_do_nothing().returning(InitData.id)
    return db.scalar(using) is not None
