"""Queries on `bookings`, `booking_events`, `waiting` and `telegram_init_data`."""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Row,
    Select,
    and_,
    bindparam,
    case,
    cast,
    column,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
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
from conf.db.reads import Read
from conf.db.search import escape_like
from conf.errors import Conflict, Invalid

PATIENT_LOCK = 0x636C696E  # "clin"
ORIGIN_LOCK = 0x6F726967  # "orig"
_NOW = func.clock_timestamp()


VIOLATIONS = {
    DOCTOR_OVERLAP: partial(Overlap, "doctor"),
    STATION_OVERLAP: partial(Overlap, "station"),
    PATIENT_OVERLAP: partial(Overlap, "patient"),
} | dict.fromkeys(
    [f"fk_bookings_{name}_id" for name in ("patient", "doctor", "diagnostic", "station", "location")],
    partial(Conflict, "The doctor, the diagnostic, the location or the account has just been deleted."),
)


def upcoming_at(db: Session, *, stations: Sequence[int]) -> Sequence[Booking]:
    """Return the current and upcoming bookings at these stations, locked, earliest first."""
    query = select(Booking).where(Booking.station_id.in_(stations), Booking.occupied_until > _NOW)
    query = query.where(Booking.status.in_(TAKES_TIME)).order_by(Booking.starts_at, Booking.id)
    return db.scalars(query.with_for_update()).all()


def lock_patient(db: Session, *, patient_key: int) -> None:
    """Lock the patient's time until the transaction ends, as `targets.lock` does for a target.

    Lock one patient per transaction only: two transactions that lock several of them could cause a deadlock.
    """
    db.execute(select(func.pg_advisory_xact_lock(PATIENT_LOCK, func.hashint8(patient_key))))


def lock_origin(db: Session, *, origin_key: int) -> None:
    """Lock the requests of one origin until the transaction ends, to count them. Take this lock before any other."""
    db.execute(select(func.pg_advisory_xact_lock(ORIGIN_LOCK, func.hashint8(origin_key))))


def count_open(
    db: Session, *, origin_key: int, holds: bool, doctor_id: int | None = None, diagnostic_id: int | None = None
) -> tuple[int, int]:
    """Return how many open holds or bookings the origin has with the doctor or diagnostic, and in all.

    A hold is open until it expires, a booking until it starts.
    """
    same = Booking.doctor_id == doctor_id if doctor_id else Booking.diagnostic_id == diagnostic_id
    query = select(func.count().filter(same), func.count()).where(
        Booking.origin_key == origin_key, Booking.status.in_((BookingStatus.PENDING, BookingStatus.BOOKED))
    )
    is_open = (
        [Booking.email.is_(None), Booking.held_until > _NOW]
        if holds
        else [Booking.email.is_not(None), Booking.starts_at > _NOW]
    )
    here, everywhere = db.execute(query.where(*is_open)).one()
    return here, everywhere


def count_waiting(db: Session, *, origin_key: int) -> int:
    return db.scalar(select(func.count()).where(Waiting.origin_key == origin_key)) or 0


def try_lock_patients(db: Session, *, patient_keys: Sequence[int]) -> bool:
    """Try to lock the time of these patients without waiting. Return whether all locks were acquired."""
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
    """Lock and return expired holds and offers of the doctor or the stations, and of the patient, except `except_id`.

    The caller has already locked the time of the doctor or the stations. The patient's rows that another transaction
    has locked are skipped: that transaction deals with them.
    """
    expired = select(Booking).where(Booking.status == BookingStatus.PENDING, Booking.held_until <= _NOW)
    expired = expired.where(Booking.id != (except_id or 0))
    of_target = Booking.doctor_id == doctor_id if doctor_id else Booking.station_id.in_(stations)
    found = list(db.scalars(expired.where(of_target).with_for_update()))
    if patient_key is not None:
        others = expired.where(Booking.patient_key == patient_key, Booking.id.not_in([booking.id for booking in found]))
        found += db.scalars(others.with_for_update(skip_locked=True))
    return found


def get(db: Session, *, booking_id: int) -> Booking:
    """Return the booking. Raises: NotFound."""
    return rows.get(db, Booking, booking_id)


def lock(db: Session, *, booking_id: int, new_location_id: int | None = None) -> Booking:
    """Lock the booking, its target's time (also at the new location) and its patient until the transaction ends.

    Return the booking. Raises: NotFound; Conflict, if another request has just moved it to another location.
    """
    seen = get(db, booking_id=booking_id)
    location_ids = {seen.location_id, new_location_id or seen.location_id}
    targets.lock(db, doctor_id=seen.doctor_id, diagnostic_id=seen.diagnostic_id, location_ids=location_ids)
    booking = rows.lock(db, Booking, booking_id)
    if booking.location_id not in location_ids:
        raise Conflict("The booking has just been moved to another location. Try again.")
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


def set_jobs(db: Session, *, booking_id: int, **job_ids: int) -> None:
    """Set columns with the ids of jobs. The booking keeps its version, as clients do not see these columns."""
    db.execute(update(Booking).where(Booking.id == booking_id).values(updated_at=Booking.updated_at, **job_ids))


def remove(db: Session, *, booking_id: int) -> None:
    """Delete a hold. Bookings that have or had a patient are kept."""
    db.execute(delete(Booking).where(Booking.id == booking_id))


_HISTORY = Read(
    select(*BookingEvent.__table__.c)
    .where(BookingEvent.booking_id == bindparam("booking_id"))
    .order_by(BookingEvent.id)
)


def history(db: Session, *, booking_id: int) -> Sequence[Row[Any]]:
    """Return the events of the booking, oldest first."""
    return _HISTORY.all(db, booking_id=booking_id)


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


_WORDS: BindParameter[str] = bindparam("words")
_ONE = Read(_SHOWN.where(Booking.id == bindparam("booking_id")))
_PAGE = Read(
    _SHOWN.where(Booking.email.is_not(None)).order_by(Booking.starts_at, Booking.id).limit(bindparam("limit")),
    last_id=tuple_(Booking.starts_at, Booking.id) > tuple_(bindparam("last_start"), bindparam("last_id")),
    day=and_(
        func.date(func.timezone(Location.time_zone, Booking.starts_at)) == bindparam("day"),
        Booking.starts_at.between(bindparam("day_before"), bindparam("day_after")),
    ),
    since=Booking.starts_at >= bindparam("since"),
    until=Booking.starts_at < bindparam("until"),
    words=or_(
        Booking.name.icontains(_WORDS, autoescape=False),
        Booking.email.icontains(_WORDS, autoescape=False),
        Booking.phone.icontains(_WORDS, autoescape=False),
    ),
    patient_id=Booking.patient_id == bindparam("patient_id"),
    doctor_id=Booking.doctor_id == bindparam("doctor_id"),
    diagnostic_id=Booking.diagnostic_id == bindparam("diagnostic_id"),
    location_id=Booking.location_id == bindparam("location_id"),
    status=Booking.status == bindparam("status"),
)


def view(db: Session, *, booking_id: int) -> Row[Any]:
    """Return the booking with `changeable_until` and with columns of its doctor or diagnostic, and of its location.

    Raises: NotFound.
    """
    row: Row[Any] = _ONE.get(db, "booking", booking_id, booking_id=booking_id)
    return row


def _moment(microseconds: int) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=microseconds)
    except OverflowError:
        raise Invalid("The cursor is not valid. Use the `next` value of the previous page.", field="cursor") from None


def page(
    db: Session,
    *,
    after: Sequence[int] | None,
    limit: int,
    words: str | None = None,
    day: dt.date | None = None,
    **conditions: Any,
) -> Sequence[Row[Any]]:
    """Return a page of bookings as `view` does, of one patient or of all, earliest first, without holds.

    `after`: the start of the last booking of the previous page, in Unix microseconds, and its id. `words`: a part of
    the patient's name, e-mail or phone. `day`: in the time zone of each location. `conditions`: `patient_id`,
    `doctor_id`, `diagnostic_id`, `location_id`, `status`; `since` and `until`, times of the start. None: any.
    """
    last_start, last_id = (_moment(after[0]), after[1]) if after is not None else (None, None)
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC) if day is not None else None
    return _PAGE.all(
        db,
        limit=limit,
        last_start=last_start,
        last_id=last_id,
        words=escape_like(words) if words is not None else None,
        day=day,
        day_before=midnight and midnight - DAY,
        day_after=midnight and midnight + 2 * DAY,
        **conditions,
    )


def add_waiting(db: Session, **values: Any) -> Waiting | None:
    """Add an entry to the waiting list. Return None if the account has the same entry already."""
    adding = insert(Waiting).values(**values).on_conflict_do_nothing().returning(Waiting)
    entry: Waiting | None = db.scalars(adding).one_or_none()
    return entry


_waiting = Waiting.__table__.c
_WAITING = Read(
    select(*_waiting).order_by(_waiting.id).limit(bindparam("limit")),
    after_id=_waiting.id > bindparam("after_id"),
    **{name: _waiting[name] == bindparam(name) for name in ("patient_id", "doctor_id", "diagnostic_id", "location_id")},
)


def page_of_waiting(db: Session, *, limit: int, **conditions: int | None) -> Sequence[Row[Any]]:
    """Return a page of the waiting list, oldest entries first.

    `conditions`: `after_id`, only those with a larger id; `patient_id`, `doctor_id`, `diagnostic_id`, `location_id`.
    """
    return _WAITING.all(db, limit=limit, **conditions)


def first_waiting(
    db: Session, *, target: targets.Target, day: dt.date, joined_after: dt.datetime | None, limit: int
) -> Sequence[Waiting]:
    """Return the waiting-list entries for the target on that day, oldest first.

    `joined_after`: only those that were added later.
    """
    same = Waiting.doctor_id == target.doctor_id if target.doctor_id else Waiting.diagnostic_id == target.diagnostic_id
    query = (
        select(Waiting)
        .where(same, Waiting.location_id == target.location_id, Waiting.first_day <= day, Waiting.last_day >= day)
        .order_by(Waiting.id)
        .limit(limit)
    )
    if joined_after is not None:
        query = query.where(Waiting.created_at > joined_after)
    return db.scalars(query).all()


def try_lock_waiting(db: Session, *, waiting_id: int) -> bool:
    """Try to lock the entry without waiting. Return False if it is deleted or locked by another transaction."""
    query = select(Waiting.id).where(Waiting.id == waiting_id).with_for_update(skip_locked=True)
    return db.scalar(query) is not None


def prune_waiting(db: Session, *, limit: int) -> None:
    """Delete up to `limit` entries whose last day is over in every time zone: patient data that is no longer needed."""
    past = select(Waiting.id).where(Waiting.last_day < func.current_date() - 1).limit(limit)
    db.execute(delete(Waiting).where(Waiting.id.in_(past.with_for_update(skip_locked=True))))


def use_init_data(db: Session, *, digest: bytes, keep_for: dt.timedelta) -> bool:
    """Record the digest of init data, and delete up to 50 older than `keep_for`. Return False if it was used before."""
    old = select(InitData.id).where(InitData.used_at < func.now() - keep_for).limit(50)
    db.execute(delete(InitData).where(InitData.id.in_(old.with_for_update(skip_locked=True))))
    using = insert(InitData).values(digest=digest).on_conflict_do_nothing().returning(InitData.id)
    return db.scalar(using) is not None
