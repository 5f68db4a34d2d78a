"""Bookings: patients make, move and cancel theirs; staff see all of them and note what became of them."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from sqlalchemy import Row

from clinic.bookings import helpers, patients, waiting
from clinic.bookings.models import BookingEvent, Waiting
from clinic.bookings.notices import METHOD
from clinic.bookings.patients import Requester
from clinic.v1.bookings import schemas
from clinic.v1.dependencies import BookingRequester
from conf.db.dependencies import DbSession
from conf.http.access import PUBLIC
from conf.http.conditional import IfMatch
from conf.http.languages import PreferredLanguage
from conf.http.limits import Policy, by_account, by_address, count
from conf.http.pagination import Page, Paging, Slice
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.schemas import Id
from conf.values import microseconds
from iam.dependencies import SignedIn, Viewer, requires

router = Router("/api/v1", tags=["clinic: bookings"])

BOOK = Policy("booking", address="120/hour", account="30/hour")
"""Of guests an address, and an e-mail; of accounts each. Not of staff."""
CHANGE = Policy("booking-change", address="120/hour", account="20/hour")
"""Of each booking, whoever has it; mails are sent of it."""
HOLD = Policy("hold", address="60/hour", account="60/hour")
TAKEN = error_responses(409, model=schemas.Taken)


@router.post(
    "/holds/", response_model=schemas.Hold, status_code=201, responses=TAKEN, dependencies=[PUBLIC, by_address(HOLD)]
)
def create_hold(wanted: schemas.HoldCreate, db: DbSession) -> dict[str, Any]:
    """Keep a free slot for ten minutes. 409, with the next free ones, when it is taken. Public."""
    booking, token = helpers.create_hold(db, slot_request=wanted.slot_request())
    return {
        "hold": token,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "held_until": booking.held_until,
    }


@router.delete("/holds/{hold}/", status_code=204, dependencies=[PUBLIC])
def delete_hold(hold: schemas.HoldToken, db: DbSession) -> None:
    """Give a held slot back before the ten minutes are over. Public: who has the token."""
    helpers.release_hold(db, token=hold)


@router.post(
    "/bookings/", response_model=schemas.NewBooking, status_code=201, responses=error_responses(403, 429) | TAKEN
)
def create_booking(
    booking: schemas.BookingCreate,
    db: DbSession,
    viewer: Viewer,
    language: PreferredLanguage,
    request: Request,
    response: Response,
) -> dict[str, Any]:
    """Book a free slot, or one that you hold. 409, with the next free ones, when it is taken. Public; guests give name,
    e-mail and phone."""
    requester = Requester(viewer)
    _count(request, requester, booking)
    made = helpers.book(
        db,
        slot_request=booking.slot_request(),
        held=booking.hold,
        contact=booking.contact(language),
        message=booking.message,
        init_data=booking.telegram_init_data,
        requester=requester,
    )
    response.headers["Location"] = f"/api/v1/bookings/{made.id}/"
    return made._asdict() | {"key": _key("booking", made)}


def _count(request: Request, requester: Requester, contacts: schemas.Contacts) -> None:
    """Nobody fills the calendar, or another's mailbox."""
    if requester.viewer is None:
        count(request, BOOK, account=contacts.email)
    elif not requester.is_staff:
        by_account(request, BOOK, str(requester.viewer.user_id))


def _count_change(request: Request, requester: BookingRequester, booking_id: Id) -> None:
    if not requester.is_staff:
        by_account(request, CHANGE, str(booking_id))


CHANGES = Depends(_count_change)


def _key(what: str, row: Any) -> str | None:
    return None if row.patient_id else patients.link_key(what, row.id)


@router.get("/bookings/", response_model=Page[schemas.Booking])
def list_bookings(
    db: DbSession,
    me: SignedIn,
    paging: Paging,
    filters: Annotated[schemas.BookingFilter, Query()],
) -> Slice[Row[Any]]:
    """Yours, or all for Staff, the earliest first. Signed in."""
    rows = helpers.page(db, requester=Requester(me), after=paging.last_keys, limit=paging.fetch, **filters.given())
    return paging.page(rows, key=_position)


def _position(booking: Row[Any]) -> tuple[int, int]:
    """In the order of their prefix_query."""
    return microseconds(booking.starts_at), booking.id


@router.get("/bookings/{booking_id}/", response_model=schemas.Booking, responses=error_responses(401))
def get_booking(booking_id: Id, db: DbSession, requester: BookingRequester) -> Row[Any]:
    """One booking. Owner, who has its link, Staff."""
    return helpers.get(db, booking_id=booking_id, requester=requester)


@router.get(
    "/bookings/{booking_id}/history/", response_model=list[schemas.BookingEvent], responses=error_responses(401)
)
def get_booking_history(booking_id: Id, db: DbSession, requester: BookingRequester) -> Sequence[BookingEvent]:
    """What became of it, the oldest first. Owner, who has its link, Staff."""
    return helpers.history(db, booking_id=booking_id, requester=requester)


class CalendarFile(Response):
    media_type = f"text/calendar; charset=utf-8; method={METHOD}"


@router.get(
    "/bookings/{booking_id}/calendar.ics",
    response_model=None,
    response_class=CalendarFile,
    responses=error_responses(401),
)
def get_booking_calendar(booking_id: Id, db: DbSession, requester: BookingRequester) -> Response:
    """The booking as a file for calendars (RFC 5545). Owner, who has its link, Staff."""
    content = helpers.calendar(db, booking_id=booking_id, requester=requester)
    headers = {"Content-Disposition": 'attachment; filename="booking.ics"', "Cache-Control": "private, no-cache"}
    return CalendarFile(content, headers=headers)


@router.post(
    "/bookings/{booking_id}/confirm/",
    response_model=schemas.Booking,
    responses=error_responses(401, 429),
    dependencies=[CHANGES],
)
def confirm_booking(booking_id: Id, db: DbSession, requester: BookingRequester) -> Row[Any]:
    """Take a time that you waited for and that was offered to you. 409 when the offer is over. Owner, who has its link,
    Staff."""
    return helpers.confirm(db, booking_id=booking_id, requester=requester)


@router.post(
    "/bookings/{booking_id}/reschedule/",
    response_model=schemas.Booking,
    responses=error_responses(401, 429) | TAKEN,
    dependencies=[CHANGES],
)
def reschedule_booking(
    booking_id: Id, move: schemas.BookingMove, db: DbSession, requester: BookingRequester, expected: IfMatch
) -> Row[Any]:
    """To another free slot of the same doctor or diagnostic. 409, with the next free ones, when it is taken; 409 for a
    patient after the deadline. Owner, who has its link, Staff."""
    return helpers.reschedule(db, booking_id=booking_id, requester=requester, expected=expected, **move.model_dump())


@router.post(
    "/bookings/{booking_id}/cancel/",
    response_model=schemas.Booking,
    responses=error_responses(401, 429),
    dependencies=[CHANGES],
)
def cancel_booking(
    booking_id: Id, cancellation: schemas.Cancellation, db: DbSession, requester: BookingRequester, expected: IfMatch
) -> Row[Any]:
    """Give the time back; the first who waits for it is offered it. 409 for a patient after the deadline. Owner, who
    has its link, Staff."""
    return helpers.cancel(db, booking_id=booking_id, reason=cancellation.reason, requester=requester, expected=expected)


@router.post(
    "/bookings/{booking_id}/status/", response_model=schemas.Booking, dependencies=[requires("clinic:patients")]
)
def note_booking_status(
    booking_id: Id, note: schemas.StatusNote, db: DbSession, me: SignedIn, expected: IfMatch
) -> Row[Any]:
    """What became of the visit. 409 for what cannot follow what was. Staff."""
    return helpers.set_status(
        db, booking_id=booking_id, status=note.status, reason=note.reason, requester=Requester(me), expected=expected
    )


@router.post("/waiting/", response_model=schemas.NewWaiting, status_code=201, responses=error_responses(403, 429))
def join_waiting_list(
    wanted: schemas.WaitingCreate, db: DbSession, viewer: Viewer, language: PreferredLanguage, request: Request
) -> dict[str, Any]:
    """Be offered a time if one becomes free: it is kept for you for two hours, to confirm. 409 when you wait for it
    already. Public; guests give name, e-mail and phone."""
    requester = Requester(viewer)
    _count(request, requester, wanted)
    made = waiting.join(
        db,
        doctor_id=wanted.doctor_id,
        diagnostic_id=wanted.diagnostic_id,
        location_id=wanted.location_id,
        first_day=wanted.first_day,
        last_day=wanted.last_day,
        contact=wanted.contact(language),
        requester=requester,
    )
    return {name: getattr(made, name) for name in schemas.Waiting.model_fields} | {"key": _key("waiting", made)}


@router.get("/waiting/", response_model=Page[schemas.Waiting])
def list_waiting(
    db: DbSession,
    me: SignedIn,
    paging: Paging,
    filters: Annotated[schemas.WaitingFilter, Query()],
) -> Slice[Waiting]:
    """What you wait for, or for Staff who waits, the first in line first. Signed in."""
    rows = waiting.page(db, after_id=paging.last_id, limit=paging.fetch, requester=Requester(me), **filters.given())
    return paging.page(rows)


@router.delete("/waiting/{waiting_id}/", status_code=204, responses=error_responses(401))
def leave_waiting_list(waiting_id: Id, db: DbSession, requester: BookingRequester) -> None:
    """Wait no longer. Owner, who has the key, Staff."""
    waiting.leave(db, waiting_id=waiting_id, requester=requester)
