"""The waiting list. A slot that becomes free is offered to the first suitable entry, who has two hours to confirm."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from clinic import events
from clinic.bookings import crud, origins, patients, targets, times
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
"""How long an offer can be confirmed."""
EXPIRED_REASON = "It was not confirmed in time."
MAX_CANDIDATES = 50
"""How many entries are tried for a slot. Patients who are busy at its time are skipped."""
PRUNE_BATCH = 50
"""How many old entries are deleted at a time."""


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
    """Add an entry to the waiting list, for these local days.

    Raises: Invalid; Forbidden; Conflict, if the account is already on the list of this doctor or diagnostic at this
    location; RateLimited, if guests from this address have too many entries. A guest may have several entries: an error
    would reveal who is on the list.
    """
    target = times.requested_target(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)
    if last_day < times.today(target):
        raise Invalid("The last day must not be in the past.", field="last_day")
    patient = patients.patient_columns(db, contact, requester.viewer) | {"origin_key": requester.origin_key}
    if requester.is_guest:
        origins.assert_may_wait(db, origin_key=requester.origin_key)
    crud.prune_waiting(db, limit=PRUNE_BATCH)
    entry = crud.add_waiting(db, **times.target_of(target), **patient, first_day=first_day, last_day=last_day)
    if entry is None:
        raise Conflict("The patient is already on this waiting list.")
    return entry


def page(db: Session, *, requester: Requester, **filters: Any) -> Sequence[Row[Any]]:
    """Return a page of the waiting list: all entries for staff, otherwise the requester's own."""
    return crud.page_of_waiting(db, patient_id=None if requester.is_staff else requester.user_id, **filters)


def leave(db: Session, *, waiting_id: int, requester: Requester) -> None:
    """Delete the waiting-list entry. Raises: NotFound; Unauthenticated."""
    requester.assert_known()
    entry = db.get(Waiting, waiting_id, with_for_update=True)
    if entry is None or not (
        requester.is_staff or requester.owns(entry.patient_id) or requester.has_key("waiting", entry.id)
    ):
        raise NotFound("waiting-list entry", waiting_id)
    rows.delete(db, entry)


def schedule_expiry(db: Session, booking: Booking) -> None:
    """Schedule the expiry job for this hold or offer."""
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
    """Offer a slot that has become free to the first patient on the waiting list who is not busy at its time.

    The target's time must be locked. `joined_after`: only consider entries that were added later.
    """
    try:
        target = targets.get(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)
    except NotFound:
        return
    slot = times.slot_at(target, at, staff=False)
    if slot is None:
        return
    day = slot.starts_at.date()
    for entry in crud.first_waiting(db, target=target, day=day, joined_after=joined_after, limit=MAX_CANDIDATES):
        if not _try_lock(db, entry):
            continue  # another request is changing a booking of this patient
        booking = Booking(
            **times.columns_of(target, slot),
            **columns_of(entry),
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
            if overlap.shared == "patient":
                continue
            return
        db.delete(entry)
        schedule_expiry(db, booking)
        announce(db, events.Offered(booking_id=booking.id))
        return


def _try_lock(db: Session, entry: Waiting) -> bool:
    """Try to lock the patient, the account if there is one, and the entry. Return whether all locks were acquired.

    It does not wait: other transactions may take these locks in another order.
    """
    assert entry.patient_key is not None
    return (
        crud.try_lock_patients(db, patient_keys=[entry.patient_key])
        and (entry.patient_id is None or users.try_lock_against_deletion(db, user_id=entry.patient_id))
        and crud.try_lock_waiting(db, waiting_id=entry.id)
    )


def end_expired_holds(
    db: Session,
    *,
    doctor_id: int | None = None,
    stations: Sequence[int] = (),
    patient_key: int | None = None,
    except_id: int | None = None,
) -> None:
    """End the expired holds and offers of the doctor, the stations or the patient, which might block a booking.

    The expiry job of each of them offers its slot to the waiting list.
    """
    expired = crud.lock_expired_holds(
        db, doctor_id=doctor_id, stations=stations, patient_key=patient_key, except_id=except_id
    )
    for booking in expired:
        _end(db, booking)


def _end(db: Session, booking: Booking) -> None:
    """Cancel an expired hold, offer or unconfirmed booking. Only the patient of an offer is notified."""
    booking.status, booking.held_until = BookingStatus.CANCELLED, None
    crud.save(db, booking, actor_id=None, reason=EXPIRED_REASON)
    if booking.email is not None and not booking.unconfirmed:
        announce(db, events.OfferExpired(booking_id=booking.id))


def expire(db: Session, *, booking_id: int) -> None:
    """End the hold, the offer or the unconfirmed booking if it has expired, and offer its slot to the waiting list."""
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
    """Offer the slot of a locked booking, offer or hold that has ended to the waiting list.

    A hold is deleted. Only people who joined the list after it began are offered the slot: before that it was free.
    """
    is_hold = booking.email is None
    if is_hold:
        crud.remove(db, booking_id=booking.id)
    offer(db, **times.target_of(booking), at=booking.starts_at, joined_after=booking.created_at if is_hold else None)
