"""Use cases on bookings: hold, book, confirm, reschedule, cancel, and set the status of a visit."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from clinic import events
from clinic.bookings import crud, notices, origins, patients, targets, telegram, times, waiting
from clinic.bookings.models import Booking, BookingStatus
from clinic.bookings.patients import Contact, Requester
from clinic.bookings.targets import Overlap, Target
from conf.errors import Conflict, Invalid, NotFound
from conf.events import announce
from conf.keys import pseudonym
from conf.settings import get_settings
from conf.texts import clock
from conf.values import Expected

HOLD = dt.timedelta(minutes=10)
CONFIRM = dt.timedelta(hours=2)
"""How long a guest has to confirm a booking."""


@dataclass(frozen=True)
class SlotRequest:
    """A requested slot of a doctor or a diagnostic."""

    location_id: int
    starts_at: dt.datetime
    doctor_id: int | None = None
    diagnostic_id: int | None = None


def create_hold(db: Session, *, slot_request: SlotRequest, requester: Requester) -> tuple[Booking, str]:
    """Reserve the slot for ten minutes while a form is filled in. Return the hold and the token to book it.

    Raises: Invalid; Conflict, with the next free slots, if the slot is taken; RateLimited, if the requester holds too
    many slots.
    """
    origins.assert_may_hold(db, origin_key=requester.origin_key, target=slot_request)
    target = _lock_target(db, slot_request)
    until = times.now() + HOLD
    booking = _new(target, slot_request.starts_at, status=BookingStatus.PENDING, held_until=until)
    booking.origin_key = requester.origin_key
    _place(db, booking, target, requester=Requester(None))
    waiting.schedule_expiry(db, booking)
    return booking, f"{booking.id}.{patients.link_key('hold', booking.id)}"


def release_hold(db: Session, *, token: str) -> None:
    """Release the hold before it expires. Raises: Invalid; Conflict, if it has been booked or has expired."""
    waiting.offer_freed_slot(db, _lock_hold(db, token))


def book(
    db: Session,
    *,
    slot_request: SlotRequest | None,
    held: str | None,
    contact: Contact,
    message: str,
    init_data: str | None,
    requester: Requester,
) -> Row[Any]:
    """Book the requested slot, or that of the hold with the token `held`.

    A guest's booking is `pending` until it is confirmed, if the settings demand that; not if it comes from Telegram.

    Raises: Invalid; Forbidden; Conflict, with the next free slots if the slot is taken, or if the doctor or diagnostic
    of the hold no longer takes bookings; RateLimited, if the account, or guests from this address, have too many
    upcoming bookings.
    """
    patient: dict[str, Any] = patients.patient_columns(db, contact, requester.viewer) | {"message": message}
    if init_data is not None:
        patient["telegram_id"] = telegram.use(db, init_data)
    origin_key = requester.origin_key
    if init_data is not None and requester.is_guest:
        origin_key = pseudonym("clinic", f"telegram {patient['telegram_id']}")
    is_guest = requester.is_guest and init_data is None
    if slot_request is not None:
        origins.assert_may_book(db, origin_key=origin_key, target=slot_request, is_guest=is_guest)
        target = _lock_target(db, slot_request)
        booking = _new(target, slot_request.starts_at, staff=requester.is_staff)
    else:
        origins.assert_may_book(db, origin_key=origin_key, target=_held(db, held or ""), is_guest=is_guest)
        booking = _lock_hold(db, held or "")
        try:
            target = targets.get(db, **times.target_of(booking))
        except NotFound:
            raise Conflict(
                "No more bookings are accepted here. Choose another doctor, diagnostic or location."
            ) from None
    must_confirm = is_guest and get_settings().guests_must_confirm
    state: dict[str, Any] = {"status": BookingStatus.BOOKED, "held_until": None}
    if must_confirm:
        until = min(times.now() + CONFIRM, booking.starts_at)
        state = {"status": BookingStatus.PENDING, "held_until": until, "unconfirmed": True}
    _place(db, booking, target, requester=requester, origin_key=origin_key, **state, **patient)
    if must_confirm:
        waiting.schedule_expiry(db, booking)
        announce(db, events.Requested(booking_id=booking.id))
    else:
        announce(db, events.Booked(booking_id=booking.id))
    return crud.view(db, booking_id=booking.id)


def _lock_target(db: Session, slot_request: SlotRequest) -> Target:
    doctor_id, diagnostic_id, location_id = slot_request.doctor_id, slot_request.diagnostic_id, slot_request.location_id
    targets.lock(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_ids={location_id})
    return times.requested_target(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)


def _new(target: Target, starts_at: dt.datetime, *, staff: bool = False, **values: Any) -> Booking:
    """Return an unsaved booking of the slot that starts at `starts_at`. Raises: Invalid, if no slot starts then."""
    slot = times.slot_at(target, starts_at, staff=staff)
    if slot is None:
        raise _no_slot()
    return Booking(**times.columns_of(target, slot), price=target.price, **values)


def _no_slot() -> Invalid:
    return Invalid("There is no bookable slot at this time. Choose one of the free slots.", field="starts_at")


def _held(db: Session, token: str) -> Booking:
    """Return the hold of this token. Raises: Invalid; Conflict, if it has expired."""
    number, _, key = token.partition(".")
    booking_id = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0
    if not patients.verify_link_key("hold", booking_id, key):
        raise Invalid(
            "The hold token is not valid. Use the token that was returned when the slot was held.", field="hold"
        )
    try:
        return crud.get(db, booking_id=booking_id)
    except NotFound:
        raise _hold_expired() from None


def _lock_hold(db: Session, token: str) -> Booking:
    """Return the hold of this token, locked. Raises: Invalid; Conflict, if it has been booked or has expired."""
    try:
        booking = crud.lock(db, booking_id=_held(db, token).id)
    except NotFound:
        raise _hold_expired() from None
    if booking.status != BookingStatus.PENDING or booking.held_until is None or booking.email is not None:
        raise Conflict("The hold has been booked or has expired.")
    if booking.held_until <= times.now():
        raise _hold_expired()
    return booking


def _hold_expired() -> Conflict:
    return Conflict("The hold has expired or was released. Choose a slot again.")


def _place(
    db: Session, booking: Booking, target: Target, *, requester: Requester, reason: str = "", **changes: Any
) -> None:
    """Save a booking that occupies time, with these changes. The target's time must be locked.

    Raises: Conflict, with the next free slots, if the time is taken.
    """
    patient_key = changes.get("patient_key", booking.patient_key)
    if patient_key is not None:
        crud.lock_patient(db, patient_key=patient_key)
    if booking.held_until is not None and booking.held_until <= times.now():
        raise _hold_expired()
    waiting.end_expired_holds(
        db,
        doctor_id=target.doctor_id,
        stations=target.stations,
        patient_key=patient_key,
        except_id=booking.id,
    )
    starts_at = changes.get("starts_at", booking.starts_at)
    try:
        with db.begin_nested():
            for column, value in changes.items():
                setattr(booking, column, value)
            if target.diagnostic_id:
                targets.assign_free_station(db, booking, stations=target.stations)
            crud.save(db, booking, actor_id=requester.user_id, reason=reason)
    except Overlap as overlap:
        patient_is_busy = overlap.shared == "patient"
        raise Conflict(
            "The patient has another booking at this time." if patient_is_busy else "This slot has just been taken.",
            next_slots=times.next_free(db, target=target, after=starts_at, patient_key=patient_key),
        ) from None


def get(db: Session, *, booking_id: int, requester: Requester) -> Row[Any]:
    """Return the booking as `crud.view` does. Raises: NotFound, also without access to it; Unauthenticated."""
    requester.assert_known()
    booking = crud.view(db, booking_id=booking_id)
    if not _has_access(requester, booking):
        raise NotFound("booking", booking_id)
    return booking


def _has_access(requester: Requester, booking: Row[Any]) -> bool:
    """Return whether the requester may access the booking. A hold belongs to nobody; a link expires after the visit."""
    if booking.email is None:
        return False
    if requester.is_staff or requester.owns(booking.patient_id):
        return True
    return requester.has_key("booking", booking.id) and times.now() < booking.ends_at + patients.LINK_LIFETIME


def page(db: Session, *, requester: Requester, patient_id: int | None = None, **wanted: Any) -> Sequence[Row[Any]]:
    """Return a page of bookings as `crud.page` does: all of them for staff, otherwise the requester's own."""
    if not requester.is_staff:
        patient_id = requester.user_id
    return crud.page(db, patient_id=patient_id, **wanted)


def history(db: Session, *, booking_id: int, requester: Requester) -> Sequence[Row[Any]]:
    """Return the events of the booking, oldest first. Raises: NotFound; Unauthenticated."""
    get(db, booking_id=booking_id, requester=requester)
    return crud.history(db, booking_id=booking_id)


def calendar(db: Session, *, booking_id: int, requester: Requester) -> bytes:
    """Return the booking as an iCalendar file. Raises: NotFound; Unauthenticated."""
    return notices.as_calendar(db, get(db, booking_id=booking_id, requester=requester))


def confirm(db: Session, *, booking_id: int, requester: Requester) -> Row[Any]:
    """Confirm an offer or a guest's booking.

    Raises: NotFound; Unauthenticated; Conflict, if the booking is not `pending` or its time to confirm is over.
    """
    get(db, booking_id=booking_id, requester=requester)
    booking = crud.lock(db, booking_id=booking_id)
    if booking.status != BookingStatus.PENDING or booking.held_until is None or booking.held_until <= times.now():
        raise Conflict("There is nothing to confirm, or the time to confirm it is over.")
    change(db, booking, requester=requester, status=BookingStatus.BOOKED, held_until=None, unconfirmed=False)
    announce(db, events.Booked(booking_id=booking.id))
    return crud.view(db, booking_id=booking_id)


def reschedule(
    db: Session,
    *,
    booking_id: int,
    starts_at: dt.datetime,
    location_id: int | None,
    reason: str,
    requester: Requester,
    expected: Expected,
) -> Row[Any]:
    """Move the booking to another slot of the same doctor or diagnostic, and to another location if given.

    Rescheduling to the current time and location returns the booking unchanged. The slot that becomes free is offered
    to the waiting list.

    Raises: NotFound; Unauthenticated; VersionMismatch; Invalid; Conflict, if the booking cannot be moved any more, or,
    with the next free slots, if the slot is taken.
    """
    seen = get(db, booking_id=booking_id, requester=requester)
    booking = crud.lock(db, booking_id=booking_id, new_location_id=location_id)
    expected.check(booking.updated_at)
    _assert_changeable(booking, seen, requester)
    old, old_start = times.target_of(booking), booking.starts_at
    new = old | {"location_id": location_id or booking.location_id}
    if (new, starts_at) == (old, old_start):
        return crud.view(db, booking_id=booking_id)
    try:
        target = times.requested_target(db, **new)
    except Invalid as error:
        if location_id is not None and error.field == "location_id":
            raise
        detail = "No more bookings are taken for this doctor or diagnostic. Cancel the booking, or call the clinic."
        raise Conflict(detail) from None
    slot = times.slot_at(target, starts_at, staff=requester.is_staff)
    if slot is None:
        raise _no_slot()
    _place(db, booking, target, requester=requester, reason=reason, **times.columns_of(target, slot))
    announce(db, events.Rescheduled(booking_id=booking.id))
    waiting.offer(db, **old, at=old_start)
    return crud.view(db, booking_id=booking_id)


def cancel(db: Session, *, booking_id: int, reason: str, requester: Requester, expected: Expected) -> Row[Any]:
    """Cancel the booking, or decline the offer, and offer the slot to the waiting list.

    The notice to the patient contains the reason only if staff cancel.

    Raises: NotFound; Unauthenticated; VersionMismatch; Conflict, if the booking cannot be cancelled any more.
    """
    seen = get(db, booking_id=booking_id, requester=requester)
    booking = crud.lock(db, booking_id=booking_id)
    expected.check(booking.updated_at)
    offered = booking.status == BookingStatus.PENDING
    if not offered:
        _assert_changeable(booking, seen, requester)
    booking.status, booking.held_until = BookingStatus.CANCELLED, None
    crud.save(db, booking, actor_id=requester.user_id, reason=reason)
    shared_reason, notify = reason if requester.is_staff else "", requester.is_staff or not offered
    announce(db, events.Cancelled(booking_id=booking.id, reason=shared_reason, notify_patient=notify))
    waiting.offer_freed_slot(db, booking)
    return crud.view(db, booking_id=booking_id)


def _assert_changeable(booking: Booking, seen: Row[Any], requester: Requester) -> None:
    """Check that the status is `booked` and, for a patient, that the deadline has not passed. Raises: Conflict."""
    if booking.status != BookingStatus.BOOKED:
        raise Conflict(f"This is not possible while the booking is {booking.status}.")
    if not requester.is_staff and times.now() > seen.changeable_until:
        until = clock(seen.changeable_until, seen.time_zone)
        raise Conflict(f"The deadline to reschedule or cancel was {until}. Call the clinic.")


def change(db: Session, booking: Booking, *, requester: Requester, reason: str = "", **changes: Any) -> None:
    """Save the changes of a locked booking. A no-show that is corrected occupies its time again.

    Raises: Conflict, if that time has been taken.
    """
    was_noshow = booking.status == BookingStatus.NOSHOW
    for column, value in changes.items():
        setattr(booking, column, value)
    try:
        if was_noshow and booking.station_id is not None:  # its station may be taken or out of use by now
            with db.no_autoflush:
                stations = targets.sibling_stations(db, station_id=booking.station_id)
            targets.assign_free_station(db, booking, stations=stations)
        crud.save(db, booking, actor_id=requester.user_id, reason=reason)
    except Overlap:
        raise Conflict("The time of this booking has been given to somebody else.") from None
