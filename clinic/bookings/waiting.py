"""Who waits for a time. What becomes free is kept for the first of them, who has two hours to confirm."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from clinic.bookings import crud, notices, patients, times
from clinic.bookings.crud import Target, Twice
from clinic.bookings.models import Booking, Status, Waiting, columns_of
from clinic.bookings.notices import Kind
from clinic.bookings.patients import Asker, Contact
from conf._celery.enqueue import enqueue
from conf.errors import Conflict, NotFound

EXPIRE = "clinic.bookings.expire"
OFFER = dt.timedelta(hours=2)
RAN_OUT = "It was not confirmed in time."
MAX_ASKED = 50
"""Who waits and cannot come at a time is passed over; so many at most."""


def join(
    db: Session,
    *,
    doctor_id: int | None,
    diagnostic_id: int | None,
    location_id: int,
    first_day: dt.date,
    last_day: dt.date,
    contact: Contact,
    asker: Asker,
) -> Waiting:
    """Wait for a time on these local days. Invalid; Forbidden; Conflict for who waits there already."""
    target = times.wanted(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)
    patient = patients.of_contact(db, contact, asker.viewer)
    adding = insert(Waiting).values(**times.of(target), **patient, first_day=first_day, last_day=last_day)
    made: Waiting | None = db.scalars(adding.on_conflict_do_nothing().returning(Waiting)).one_or_none()
    if made is None:
        raise Conflict("You wait for this already.")
    return made


def page(db: Session, *, after_id: int | None, limit: int, asker: Asker, location_id: int | None) -> Sequence[Waiting]:
    """One's own, or, as staff, all; the first who came first."""
    query = select(Waiting).where(Waiting.id > (after_id or 0)).order_by(Waiting.id).limit(limit)
    if not asker.is_staff:
        query = query.where(Waiting.patient_id == asker.user_id)
    if location_id is not None:
        query = query.where(Waiting.location_id == location_id)
    return db.scalars(query).all()


def leave(db: Session, *, waiting_id: int, asker: Asker) -> None:
    """Wait no longer. NotFound; Unauthenticated."""
    asker.assert_known()
    one = db.get(Waiting, waiting_id, with_for_update=True)
    if one is None or not asker.may_reach("waiting", one.id, one.patient_id):
        raise NotFound("one who waits", waiting_id)
    db.delete(one)
    db.flush()


def hold_until(db: Session, booking: Booking) -> None:
    """Have what happens when the time of a held booking is over happen then."""
    assert booking.held_until is not None
    wait_s = (booking.held_until - times.now()).total_seconds()
    enqueue(db, EXPIRE, delay_s=max(0.001, wait_s), booking_id=booking.id)


def offer(db: Session, *, doctor_id: int | None, diagnostic_id: int | None, location_id: int, at: dt.datetime) -> None:
    """Keep a time that has become free, and that is locked, for the first who waits for it and can come."""
    try:
        target = crud.target(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)
    except NotFound:
        return
    slot = times.slot_at(target, at, staff=False)
    if slot is None:
        return
    for one in _first(db, target, slot.starts_at.date()):
        assert one.patient_key is not None
        if not crud.try_lock_patient(db, patient_key=one.patient_key):
            continue  # who is booking something else this very moment
        booking = Booking(
            **times.columns_of(target, slot),
            **columns_of(one),
            price=target.price,
            status=Status.PENDING,
            held_until=min(times.now() + OFFER, slot.starts_at),
        )
        try:
            with db.begin_nested():
                if target.diagnostic_id:
                    crud.seat(db, booking, stations=target.stations)
                crud.save(db, booking, actor_id=None)
        except Twice as twice:
            if twice.whose == "patient":
                continue
            return
        db.execute(delete(Waiting).where(Waiting.id == one.id))
        hold_until(db, booking)
        notices.tell(db, booking, Kind.OFFERED)
        return


def _first(db: Session, target: Target, day: dt.date) -> Sequence[Waiting]:
    whom = Waiting.doctor_id == target.doctor_id if target.doctor_id else Waiting.diagnostic_id == target.diagnostic_id
    query = (
        select(Waiting)
        .where(whom, Waiting.location_id == target.location_id, Waiting.first_day <= day, Waiting.last_day >= day)
        .order_by(Waiting.id)
        .limit(MAX_ASKED)
        .with_for_update(skip_locked=True)
    )
    return db.scalars(query).all()


def lapse(db: Session, *, target: Target, patient_key: int | None) -> None:
    """End what was held for too long and might be in the way; the job that was to do it comes too late."""
    for booking in crud.lapsed(db, target=target, patient_key=patient_key):
        _end(db, booking)


def _end(db: Session, booking: Booking) -> None:
    if booking.email is None:
        crud.remove(db, booking_id=booking.id)
    else:
        booking.status, booking.held_until = Status.CANCELLED, None
        crud.save(db, booking, actor_id=None, reason=RAN_OUT)


def expire(db: Session, *, booking_id: int) -> None:
    """End what is held no longer, and offer its time to the next."""
    try:
        booking = crud.lock(db, booking_id=booking_id)
    except NotFound:
        return
    if booking.status == Status.PENDING and booking.held_until and booking.held_until <= times.now():
        _end(db, booking)
    elif booking.status != Status.CANCELLED:
        return
    offer(db, **times.of(booking), at=booking.starts_at)
