"""Use cases on bookings: hold, book, confirm, move, cancel, and what staff note of them."""

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from clinic import events
from clinic.bookings import crud, notices, patients, targets, telegram, times, waiting
from clinic.bookings.models import Booking, BookingEvent, BookingStatus
from clinic.bookings.patients import Contact, Requester
from clinic.bookings.targets import Overlap, Target
from conf.errors import Conflict, Forbidden, Invalid, NotFound
from conf.events import announce
from conf.texts import clock
from conf.values import Expected

HOLD = dt.timedelta(minutes=10)
NEXT: dict[BookingStatus, tuple[BookingStatus, ...]] = {
    BookingStatus.BOOKED: (BookingStatus.ARRIVED, BookingStatus.FULFILLED, BookingStatus.NOSHOW),
    BookingStatus.ARRIVED: (BookingStatus.FULFILLED, BookingStatus.BOOKED),
    BookingStatus.FULFILLED: (BookingStatus.ARRIVED,),
    BookingStatus.NOSHOW: (BookingStatus.ARRIVED, BookingStatus.BOOKED),
}
"""What staff make of a booking, and how they take back what they noted by mistake. Cancelling is for `cancel`."""


@dataclass(frozen=True)
class SlotRequest:
    """The time that somebody wants of a doctor or a diagnostic."""

    location_id: int
    starts_at: dt.datetime
    doctor_id: int | None = None
    diagnostic_id: int | None = None


def create_hold(db: Session, *, slot_request: SlotRequest) -> tuple[Booking, str]:
    """Keep the time for ten minutes, while a form is filled in; with the token to book it. Invalid; Conflict with the
    next free slots."""
    target = _lock_target(db, slot_request)
    booking = _new(target, slot_request.starts_at, status=BookingStatus.PENDING, held_until=times.now() + HOLD)
    _place(db, booking, target, requester=Requester(None))
    waiting.schedule_expiry(db, booking)
    return booking, f"{booking.id}.{patients.link_key('hold', booking.id)}"


def release_hold(db: Session, *, token: str) -> None:
    """Give a held time back. Invalid; NotFound; Conflict when it has been booked, or is over."""
    waiting.offer_freed_slot(db, _lock_held(db, token))


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
    """Book the time that is wished, or held. Invalid; Forbidden; Conflict with the next free slots."""
    told: dict[str, Any] = patients.patient_columns(db, contact, requester.viewer) | {"message": message}
    if init_data is not None:
        told["telegram_id"] = telegram.use(db, init_data)
    if slot_request is not None:
        target = _lock_target(db, slot_request)
        booking = _new(target, slot_request.starts_at, staff=requester.is_staff)
    else:
        booking = _lock_held(db, held or "")
        target = targets.get(db, **times.target_of(booking))
    _place(db, booking, target, requester=requester, status=BookingStatus.BOOKED, held_until=None, **told)
    announce(db, events.Booked(booking_id=booking.id))
    return crud.view(db, booking_id=booking.id)


def _lock_target(db: Session, slot_request: SlotRequest) -> Target:
    doctor_id, diagnostic_id, location_id = slot_request.doctor_id, slot_request.diagnostic_id, slot_request.location_id
    targets.lock(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_ids={location_id})
    return times.wanted(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)


def _new(target: Target, starts_at: dt.datetime, *, staff: bool = False, **values: Any) -> Booking:
    """A booking of that time, not yet written. Invalid when there is no such slot."""
    slot = times.slot_at(target, starts_at, staff=staff)
    if slot is None:
        raise _no_slot()
    return Booking(**times.columns_of(target, slot), price=target.price, **values)


def _no_slot() -> Invalid:
    return Invalid("No slot begins then that can be booked now.", field="starts_at")


def _lock_held(db: Session, token: str) -> Booking:
    """The held time that the token is for, locked. Invalid; NotFound; Conflict when it has been booked, or is over."""
    number, _, key = token.partition(".")
    booking_id = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0
    if not patients.verify_link_key("hold", booking_id, key):
        raise Invalid("This was not given for a held time.", field="hold")
    try:
        booking = crud.lock(db, booking_id=booking_id)
    except NotFound:
        raise _over() from None
    if booking.status != BookingStatus.PENDING or booking.held_until is None or booking.email is not None:
        raise Conflict("The held time has been booked.")
    if booking.held_until <= times.now():
        raise _over()
    return booking


def _over() -> Conflict:
    return Conflict("The time is held no longer.")


def _place(
    db: Session, booking: Booking, target: Target, *, requester: Requester, reason: str = "", **changes: Any
) -> None:
    """Write a booking that takes time, with these changes. That time is locked. Conflict with the next free slots."""
    patient_key = changes.get("patient_key", booking.patient_key)
    if patient_key is not None:
        crud.lock_patient(db, patient_key=patient_key)
    if booking.held_until is not None and booking.held_until <= times.now():
        raise _over()
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
        elsewhere = overlap.of == "patient"
        raise Conflict(
            "The patient has another booking at this time." if elsewhere else "This time has just been taken.",
            next_slots=times.next_free(db, target=target, after=starts_at, patient_key=patient_key),
        ) from None


def get(db: Session, *, booking_id: int, requester: Requester) -> Row[Any]:
    """As `crud.view`. NotFound; Unauthenticated."""
    requester.assert_known()
    booking = crud.view(db, booking_id=booking_id)
    if not _reaches(requester, booking):
        raise NotFound("booking", booking_id)
    return booking


def _reaches(requester: Requester, booking: Row[Any]) -> bool:
    """A time that is only held is nobody's. A link is good for a while after the visit."""
    if booking.email is None:
        return False
    if requester.is_staff or requester.owns(booking.patient_id):
        return True
    return requester.has_key("booking", booking.id) and times.now() < booking.ends_at + patients.LINK_LIFETIME


def page(db: Session, *, requester: Requester, patient_id: int | None = None, **wanted: Any) -> Sequence[Row[Any]]:
    """As `crud.page`: one's own, or, as staff, all."""
    if not requester.is_staff:
        patient_id = requester.user_id
    return crud.page(db, patient_id=patient_id, **wanted)


def history(db: Session, *, booking_id: int, requester: Requester) -> Sequence[BookingEvent]:
    """NotFound; Unauthenticated."""
    get(db, booking_id=booking_id, requester=requester)
    return crud.history(db, booking_id=booking_id)


def calendar(db: Session, *, booking_id: int, requester: Requester) -> bytes:
    """The booking as iCalendar. NotFound; Unauthenticated."""
    return notices.as_calendar(db, get(db, booking_id=booking_id, requester=requester))


def confirm(db: Session, *, booking_id: int, requester: Requester) -> Row[Any]:
    """Take a time that was offered to who waited for it. NotFound; Unauthenticated; Conflict when that is over."""
    get(db, booking_id=booking_id, requester=requester)
    booking = crud.lock(db, booking_id=booking_id)
    if booking.status != BookingStatus.PENDING or booking.held_until is None or booking.held_until <= times.now():
        raise Conflict("There is no offer to confirm, or no longer.")
    _change(db, booking, requester=requester, status=BookingStatus.BOOKED, held_until=None)
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
    """To another time, and another location if named, of the same doctor or diagnostic. NotFound; Unauthenticated;
    Changed; Invalid; Conflict when it cannot be moved (any more), or with the next free slots."""
    seen = get(db, booking_id=booking_id, requester=requester)
    booking = crud.lock(db, booking_id=booking_id, also=location_id)
    expected.check(booking.updated_at)
    _assert_changeable(booking, seen, requester)
    left, left_at = times.target_of(booking), booking.starts_at
    wanted = left | {"location_id": location_id or booking.location_id}
    if (wanted, starts_at) == (left, left_at):
        return crud.view(db, booking_id=booking_id)
    try:
        target = times.wanted(db, **wanted)
    except Invalid as error:
        if location_id is not None and error.field == "location_id":
            raise
        raise Conflict("No more bookings are taken for this there. Cancel it, or call the clinic.") from None
    slot = times.slot_at(target, starts_at, staff=requester.is_staff)
    if slot is None:
        raise _no_slot()
    _place(db, booking, target, requester=requester, reason=reason, **times.columns_of(target, slot))
    announce(db, events.Rescheduled(booking_id=booking.id))
    waiting.offer(db, **left, at=left_at)
    return crud.view(db, booking_id=booking_id)


def cancel(db: Session, *, booking_id: int, reason: str, requester: Requester, expected: Expected) -> Row[Any]:
    """Give the time back; the first who waits for it is offered it. Only a reason of staff is mailed. NotFound;
    Unauthenticated; Changed; Conflict when it cannot be cancelled (any more)."""
    seen = get(db, booking_id=booking_id, requester=requester)
    booking = crud.lock(db, booking_id=booking_id)
    expected.check(booking.updated_at)
    offered = booking.status == BookingStatus.PENDING
    if not offered:
        _assert_changeable(booking, seen, requester)
    booking.status, booking.held_until = BookingStatus.CANCELLED, None
    crud.save(db, booking, actor_id=requester.user_id, reason=reason)
    told_reason, told = reason if requester.is_staff else "", requester.is_staff or not offered
    announce(db, events.Cancelled(booking_id=booking.id, reason=told_reason, told=told))
    waiting.offer_freed_slot(db, booking)
    return crud.view(db, booking_id=booking_id)


def _assert_changeable(booking: Booking, seen: Row[Any], requester: Requester) -> None:
    """Conflict unless it is booked, and for a patient after the deadline."""
    if booking.status != BookingStatus.BOOKED:
        raise Conflict(f"The booking is {booking.status}.")
    if not requester.is_staff and times.now() > seen.changeable_until:
        until = clock(seen.changeable_until, seen.time_zone)
        raise Conflict(f"This could be done until {until}. Call the clinic.")


def set_status(
    db: Session, *, booking_id: int, status: BookingStatus, reason: str, requester: Requester, expected: Expected
) -> Row[Any]:
    """What became of the visit, by staff. NotFound; Forbidden; Changed; Conflict when it cannot follow what was."""
    if not requester.is_staff:
        raise Forbidden("Only staff note this.")
    seen = get(db, booking_id=booking_id, requester=requester)
    booking = crud.lock(db, booking_id=booking_id)
    expected.check(booking.updated_at)
    if status not in NEXT.get(booking.status, ()):
        possible = " or ".join(NEXT.get(booking.status, ())) or "nothing else"
        raise Conflict(f"A booking that is {booking.status} becomes {possible} here, not {status}.")
    if status == BookingStatus.NOSHOW and times.now() < booking.starts_at:
        raise Conflict("The visit has not begun.")
    zone = zoneinfo.ZoneInfo(seen.time_zone)
    if (
        status != BookingStatus.BOOKED
        and times.now().astimezone(zone).date() < booking.starts_at.astimezone(zone).date()
    ):
        raise Conflict("The visit is on another day.")
    _change(db, booking, requester=requester, reason=reason, status=status)
    return crud.view(db, booking_id=booking_id)


def _change(db: Session, booking: Booking, *, requester: Requester, reason: str = "", **changes: Any) -> None:
    """Write what became of a locked booking, which may be in the way of another again. Conflict."""
    back = booking.status == BookingStatus.NOSHOW
    for column, value in changes.items():
        setattr(booking, column, value)
    try:
        if back and booking.station_id is not None:  # which may be another's now, or out of use
            with db.no_autoflush:
                stations = targets.stations_beside(db, station_id=booking.station_id)
            targets.assign_free_station(db, booking, stations=stations)
        crud.save(db, booking, actor_id=requester.user_id, reason=reason)
    except Overlap:
        raise Conflict("Its time has been given to somebody else meanwhile.") from None
