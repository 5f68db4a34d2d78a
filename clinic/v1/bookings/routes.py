"""Bookings: patients make, move and cancel theirs; staff see all of them and note what became of them."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from sqlalchemy import Row

from clinic.bookings import helpers, patients, waiting
from clinic.bookings.models import BookingStatus
from clinic.bookings.notices import METHOD
from clinic.bookings.patients import Asker
from clinic.v1.bookings import schemas
from clinic.v1.doctors.routes import IdFilter, LinkKey
from conf.db.dependencies import DbSession
from conf.http.access import PUBLIC
from conf.http.conditional import IfMatch
from conf.http.limits import Policy, by_account, by_address, count
from conf.http.pagination import Cursor, Limit, Page, key_of, keys_of, page
from conf.http.problems import may
from conf.http.route import Router
from conf.http.schemas import Id
from conf.values import Day, Moment, Storable, microseconds
from iam.dependencies import SignedIn, Viewer, requires

router = Router("/api/v1", tags=["clinic: bookings"])

BOOK = Policy("booking", address="120/hour", account="30/hour")
"""Of guests an address, and an e-mail; of accounts each. Not of staff."""
CHANGE = Policy("booking-change", address="120/hour", account="20/hour")
"""Of each booking, whoever has it; mails are sent of it."""
HOLD = Policy("hold", address="60/hour", account="60/hour")
TAKEN = may(409, model=schemas.Taken)


def asker(viewer: Viewer, key: LinkKey = None) -> Asker:
    return Asker(viewer, key)


Who = Annotated[Asker, Depends(asker)]
"""Whoever asks: an account, or a guest by the link that was mailed."""


@router.post("/holds/", status_code=201, responses=TAKEN, dependencies=[PUBLIC, by_address(HOLD)])
def create_hold(wanted: schemas.HoldCreate, db: DbSession) -> schemas.Hold:
    """Keep a free slot for ten minutes. 409, with the next free ones, when it is taken. Public."""
    booking, token = helpers.hold(db, wish=wanted.wish())
    return {
        "hold": token,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "held_until": booking.held_until,
    }


@router.delete("/holds/{hold}/", status_code=204, dependencies=[PUBLIC])
def delete_hold(hold: schemas.HoldToken, db: DbSession) -> None:
    """Give a held slot back before the ten minutes are over. Public: who has the token."""
    helpers.release(db, token=hold)


@router.post("/bookings/", status_code=201, responses=may(403, 429) | TAKEN)
def create_booking(
    booking: schemas.BookingCreate, db: DbSession, viewer: Viewer, request: Request, response: Response
) -> schemas.NewBooking:
    """Book a free slot, or one that you hold. 409, with the next free ones, when it is taken. Public; guests give name,
    e-mail and phone."""
    who = Asker(viewer)
    _count(request, who, booking)
    made = helpers.book(
        db,
        wish=booking.wish(),
        held=booking.hold,
        contact=booking.contact(),
        message=booking.message,
        init_data=booking.telegram_init_data,
        asker=who,
    )
    response.headers["Location"] = f"/api/v1/bookings/{made.id}/"
    return made._asdict() | {"key": _key("booking", made)}


def _count(request: Request, who: Asker, contacts: schemas.Contacts) -> None:
    """Nobody fills the calendar, or another's mailbox."""
    if who.viewer is None:
        count(request, BOOK, account=contacts.email)
    elif not who.is_staff:
        by_account(request, BOOK, str(who.viewer.user_id))


def _count_change(request: Request, who: Who, booking_id: Id) -> None:
    if not who.is_staff:
        by_account(request, CHANGE, str(booking_id))


CHANGES = Depends(_count_change)


def _key(what: str, row: Any) -> str | None:
    return None if row.patient_id else patients.key_of(what, row.id)


@router.get("/bookings/")
def list_bookings(
    db: DbSession,
    request: Request,
    response: Response,
    me: SignedIn,
    cursor: Cursor = None,
    limit: Limit = 20,
    since: Annotated[Moment | None, Query(description="Those that begin then or later.")] = None,
    until: Annotated[Moment | None, Query(description="Those that begin before.")] = None,
    day: Annotated[Day | None, Query(description="Of each location's calendar.")] = None,
    doctor_id: IdFilter = None,
    diagnostic_id: IdFilter = None,
    location_id: IdFilter = None,
    status: BookingStatus | None = None,
    patient_id: IdFilter = None,
    q: Annotated[
        str | None, Query(min_length=2, max_length=100, description="In the patient's name, e-mail or phone."), Storable
    ] = None,
) -> Page[schemas.Booking]:
    """Yours, or all for Staff, the earliest first. Signed in."""
    rows = helpers.page(
        db,
        asker=Asker(me),
        after=keys_of(cursor),
        limit=limit + 1,
        since=since,
        until=until,
        day=day,
        doctor_id=doctor_id,
        diagnostic_id=diagnostic_id,
        location_id=location_id,
        status=status,
        patient_id=patient_id,
        words=q,
    )
    return page(rows, limit=limit, request=request, response=response, key=_position)


def _position(booking: Row[Any]) -> tuple[int, int]:
    """In the order of their beginnings."""
    return microseconds(booking.starts_at), booking.id


@router.get("/bookings/{booking_id}/", responses=may(401))
def get_booking(booking_id: Id, db: DbSession, who: Who) -> schemas.Booking:
    """One booking. Owner, who has its link, Staff."""
    return helpers.get(db, booking_id=booking_id, asker=who)


@router.get("/bookings/{booking_id}/history/", responses=may(401))
def get_booking_history(booking_id: Id, db: DbSession, who: Who) -> list[schemas.BookingEvent]:
    """What became of it, the oldest first. Owner, who has its link, Staff."""
    return helpers.history(db, booking_id=booking_id, asker=who)


class CalendarFile(Response):
    media_type = f"text/calendar; charset=utf-8; method={METHOD}"


@router.get("/bookings/{booking_id}/calendar.ics", response_model=None, response_class=CalendarFile, responses=may(401))
def get_booking_calendar(booking_id: Id, db: DbSession, who: Who) -> Response:
    """The booking as a file for calendars (RFC 5545). Owner, who has its link, Staff."""
    content = helpers.calendar(db, booking_id=booking_id, asker=who)
    headers = {"Content-Disposition": 'attachment; filename="booking.ics"', "Cache-Control": "private, no-cache"}
    return CalendarFile(content, headers=headers)


@router.post("/bookings/{booking_id}/confirm/", responses=may(401, 429), dependencies=[CHANGES])
def confirm_booking(booking_id: Id, db: DbSession, who: Who) -> schemas.Booking:
    """Take a time that you waited for and that was offered to you. 409 when the offer is over. Owner, who has its link,
    Staff."""
    return helpers.confirm(db, booking_id=booking_id, asker=who)


@router.post("/bookings/{booking_id}/reschedule/", responses=may(401, 429) | TAKEN, dependencies=[CHANGES])
def reschedule_booking(
    booking_id: Id, move: schemas.BookingMove, db: DbSession, who: Who, expected: IfMatch
) -> schemas.Booking:
    """To another free slot of the same doctor or diagnostic. 409, with the next free ones, when it is taken; 409 for a
    patient after the deadline. Owner, who has its link, Staff."""
    return helpers.move(db, booking_id=booking_id, asker=who, expected=expected, **move.model_dump())


@router.post("/bookings/{booking_id}/cancel/", responses=may(401, 429), dependencies=[CHANGES])
def cancel_booking(
    booking_id: Id, cancellation: schemas.Cancellation, db: DbSession, who: Who, expected: IfMatch
) -> schemas.Booking:
    """Give the time back; the first who waits for it is offered it. 409 for a patient after the deadline. Owner, who
    has its link, Staff."""
    return helpers.cancel(db, booking_id=booking_id, reason=cancellation.reason, asker=who, expected=expected)


@router.post("/bookings/{booking_id}/status/", dependencies=[requires("clinic:patients")])
def note_booking_status(
    booking_id: Id, note: schemas.StatusNote, db: DbSession, me: SignedIn, expected: IfMatch
) -> schemas.Booking:
    """What became of the visit. 409 for what cannot follow what was. Staff."""
    return helpers.note(
        db, booking_id=booking_id, status=note.status, reason=note.reason, asker=Asker(me), expected=expected
    )


@router.post("/waiting/", status_code=201, responses=may(403, 429))
def join_waiting_list(
    wanted: schemas.WaitingCreate, db: DbSession, viewer: Viewer, request: Request
) -> schemas.NewWaiting:
    """Be offered a time if one becomes free: it is kept for you for two hours, to confirm. 409 when you wait for it
    already. Public; guests give name, e-mail and phone."""
    who = Asker(viewer)
    _count(request, who, wanted)
    made = waiting.join(
        db,
        doctor_id=wanted.doctor_id,
        diagnostic_id=wanted.diagnostic_id,
        location_id=wanted.location_id,
        first_day=wanted.first_day,
        last_day=wanted.last_day,
        contact=wanted.contact(),
        asker=who,
    )
    return {name: getattr(made, name) for name in schemas.Waiting.model_fields} | {"key": _key("waiting", made)}


@router.get("/waiting/")
def list_waiting(
    db: DbSession,
    request: Request,
    response: Response,
    me: SignedIn,
    cursor: Cursor = None,
    limit: Limit = 20,
    doctor_id: IdFilter = None,
    diagnostic_id: IdFilter = None,
    location_id: IdFilter = None,
) -> Page[schemas.Waiting]:
    """What you wait for, or for Staff who waits, the first in line first. Signed in."""
    rows = waiting.page(
        db,
        after_id=key_of(cursor),
        limit=limit + 1,
        asker=Asker(me),
        doctor_id=doctor_id,
        diagnostic_id=diagnostic_id,
        location_id=location_id,
    )
    return page(rows, limit=limit, request=request, response=response)


@router.delete("/waiting/{waiting_id}/", status_code=204, responses=may(401))
def leave_waiting_list(waiting_id: Id, db: DbSession, who: Who) -> None:
    """Wait no longer. Owner, who has the key, Staff."""
    waiting.leave(db, waiting_id=waiting_id, asker=who)
