"""Who waits for a time. What becomes free is kept for the first of them, who has two hours to confirm."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from clinic import events
from clinic.bookings import crud, patients, targets, times
from clinic.bookings.models import Booking, BookingStatus, Waiting, columns_of
from clinic.bookings.patients import Contact, Requester
from clinic.bookings.targets import Overlap
from conf._celery.enqueue import enqueue
from conf.db import rows
from conf.errors import Conflict, Invalid, NotFound
from conf.events import announce
from iam.users import crud as users

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
    requester: Requester,
) -> Waiting:
    """Wait for a time on these local days. Invalid; Forbidden; Conflict for an account that waits there already: of a
    guest nobody is told."""
    target = times.wanted(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)
    if last_day < times.today(target):
        raise Invalid("This day is over.", field="last_day")
    patient = patients.patient_columns(db, contact, requester.viewer)
    crud.forget_waiting(db, limit=MAX_ASKED)
    made = crud.add_waiting(db, **times.target_of(target), **patient, first_day=first_day, last_day=last_day)
    if made is None:
        raise Conflict("The patient waits for this already.")
    return made


def page(db: Session, *, requester: Requester, **wanted: Any) -> Sequence[Waiting]:
    """As `crud.page_of_waiting`: one's own, or, as staff, all."""
    return crud.page_of_waiting(db, patient_id=None if requester.is_staff else requester.user_id, **wanted)


def leave(db: Session, *, waiting_id: int, requester: Requester) -> None:
    """Wait no longer. NotFound; Unauthenticated."""
    requester.assert_known()
    one = db.get(Waiting, waiting_id, with_for_update=True)
    if one is None or not (
        requester.is_staff or requester.owns(one.patient_id) or requester.has_key("waiting", one.id)
    ):
        raise NotFound("waiting entry", waiting_id)
    rows.delete(db, one)


def schedule_expiry(db: Session, booking: Booking) -> None:
    """Have what happens when the time of a held booking is over happen then."""
    assert booking.held_until is not None
    wait_s = (booking.held_until - times.now()).total_seconds()
    enqueue(db, EXPIRE, delay_s=max(0.0, wait_s) + 1, booking_id=booking.id)


def offer(
    db: Session,
    *,
    doctor_id: int | None,
    diagnostic_id: int | None,
    location_id: int,
    at: dt.datetime,
    joined_after: dt.datetime | None = None,
) -> None:
    """Keep a time that has become free, and that is locked, for the first who waits for it and can come."""
    try:
        target = targets.get(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)
    except NotFound:
        return
    slot = times.slot_at(target, at, staff=False)
    if slot is None:
        return
    day = slot.starts_at.date()
    for one in crud.first_waiting(db, target=target, day=day, joined_after=joined_after, limit=MAX_ASKED):
        if not _try_lock(db, one):
            continue  # who is doing something else this very moment
        booking = Booking(
            **times.columns_of(target, slot),
            **columns_of(one),
            price=target.price,
            status=BookingStatus.PENDING,
            held_until=min(times.now() + OFFER, slot.starts_at),
        )
        try:
            with db.begin_nested():
                if target.diagnostic_id:
                    targets.assign_free_station(db, booking, stations=target.stations)
                crud.save(db, booking, actor_id=None)
        except Overlap as overlap:
            if overlap.of == "patient":
                continue
            return
        db.delete(one)
        schedule_expiry(db, booking)
        announce(db, events.Offered(booking_id=booking.id))
        return


def _try_lock(db: Session, one: Waiting) -> bool:
    """Lock the patient, the account if there is one, and the row, waiting for nobody: others have them in the order of
    their own work."""
    assert one.patient_key is not None
    return (
        crud.try_lock_patients(db, patient_keys=[one.patient_key])
        and (one.patient_id is None or users.try_keep(db, user_id=one.patient_id))
        and crud.try_lock_waiting(db, waiting_id=one.id)
    )


def end_expired_holds(
    db: Session,
    *,
    doctor_id: int | None = None,
    stations: Sequence[int] = (),
    patient_key: int | None = None,
    except_id: int | None = None,
) -> None:
    """End what was held of these for too long and might be in the way. The job of each offers its time to the next."""
    over = crud.lock_expired_holds(
        db, doctor_id=doctor_id, stations=stations, patient_key=patient_key, except_id=except_id
    )
    for booking in over:
        _end(db, booking)


def _end(db: Session, booking: Booking) -> None:
    booking.status, booking.held_until = BookingStatus.CANCELLED, None
    crud.save(db, booking, actor_id=None, reason=RAN_OUT)
    if booking.email is not None:
        announce(db, events.OfferLapsed(booking_id=booking.id))


def expire(db: Session, *, booking_id: int) -> None:
    """End what is held no longer, and offer its time to the next."""
    try:
        booking = crud.lock(db, booking_id=booking_id)
    except NotFound:
        return
    if booking.status == BookingStatus.PENDING:
        assert booking.held_until is not None
        if booking.held_until > times.now():
            schedule_expiry(db, booking)
            return
        _end(db, booking)
    elif booking.status != BookingStatus.CANCELLED:
        return
    offer_freed_slot(db, booking)


def offer_freed_slot(db: Session, booking: Booking) -> None:
    """Offer the time of a locked booking that has ended to the next. One that was only held goes without a trace, and
    is offered to who has joined since: for the others it was not there before."""
    held = booking.email is None
    if held:
        crud.remove(db, booking_id=booking.id)
    offer(db, **times.target_of(booking), at=booking.starts_at, joined_after=booking.created_at if held else None)
