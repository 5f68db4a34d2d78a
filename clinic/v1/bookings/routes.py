"""Bookings of the health centre: hold a slot, book it, reschedule or cancel it, and wait for one. Guests use the
signed link of their booking."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from sqlalchemy import Row

from clinic.bookings import helpers, visits
from clinic.bookings.notices import METHOD
from clinic.bookings.patients import Requester
from clinic.v1.bookings import schemas
from clinic.v1.dependencies import COUNT_GUEST, BookingRequester, count_booking, guest_key
from conf.db.dependencies import DbSession
from conf.http.access import PUBLIC
from conf.http.bodies import KIB
from conf.http.conditional import IfMatch
from conf.http.languages import PreferredLanguage
from conf.http.limits import Policy, address_of, by_account, by_address
from conf.http.pagination import Page, Paging, Slice
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.schemas import SECRET, Id
from conf.values import microseconds
from iam.dependencies import SignedIn, Viewer, requires

router = Router("/api/v1", tags=["clinic: bookings"])

CHANGE = Policy("booking-change", address="120/hour", account="20/hour")
"""Counted per booking and caller, after the key of a link has been verified: each change sends an e-mail. Guests are
also counted per address. Staff are not counted."""
HOLD = Policy("hold", address="120/hour")
TAKEN = error_responses(409, model=schemas.Taken)


@router.post("/holds/", response_model=schemas.Hold, status_code=201, responses=TAKEN, dependencies=[by_address(HOLD)])
def create_hold(hold: schemas.HoldCreate, db: DbSession, viewer: Viewer, request: Request) -> dict[str, Any]:
    """Hold a free slot for ten minutes, while the patient fills in a form.

    Returns 409 with `next_slots` if the slot is taken; 422 if no slot that can be booked starts at `starts_at`; 429 if
    the account, or callers from the same address who are not signed in, hold three slots of the doctor or diagnostic or
    ten in all. Public."""
    requester = Requester(viewer, address=address_of(request))
    booking, token = helpers.create_hold(db, slot_request=hold.slot_request(), requester=requester)
    return {
        "hold": token,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "held_until": booking.held_until,
    }


@router.delete("/holds/{hold}/", status_code=204, dependencies=[PUBLIC, by_address(HOLD)])
def delete_hold(
    hold: Annotated[
        schemas.HoldToken,
        Path(
            description="Token of the hold, from `POST /holds/`, at most 64 characters.",
            examples=["17.q3VtZl1XcW9sT0hYbmR5a2pQ"],
            json_schema_extra=SECRET,
        ),
    ],
    db: DbSession,
) -> None:
    """Release a held slot before the hold expires. Whoever has the token can do this.

    Returns 409 if the slot has been booked or the hold has expired; 422 if the token is not valid. Public."""
    helpers.release_hold(db, token=hold)


@router.post(
    "/bookings/",
    response_model=schemas.NewBooking,
    status_code=201,
    responses=error_responses(403, 429) | TAKEN,
    dependencies=[COUNT_GUEST],
    max_body_size=96 * KIB,
)
def create_booking(
    booking: schemas.BookingCreate,
    db: DbSession,
    viewer: Viewer,
    language: PreferredLanguage,
    request: Request,
    response: Response,
) -> dict[str, Any]:
    """Book a free slot, or a slot that was held with `POST /holds/`. The patient gets an e-mail.

    Callers who are not signed in book as guests: they send `name`, `email` and `phone`, and get the `key` of the
    booking by e-mail. On servers where guests must confirm their e-mail address, the booking is `pending` until the
    guest confirms it with the link in the e-mail, at the latest at `held_until`. On others, and for bookings from
    Telegram, the response has the `key`, too. Signed-in callers book for their own account. Staff can book for any
    account or guest, and without the minimum notice.

    Returns 409 with `next_slots` if the slot is taken or the patient has another booking at that time; 409 if the hold
    has been booked or has expired, or if `telegram_init_data` has been used; 422 if no slot that can be booked starts
    at `starts_at`; 403 if a caller who is not staff sends `patient_id`, or an `email` other than the account's; 429 if
    guests from this address have five upcoming bookings with the doctor or diagnostic, or 20 in all, or if the account
    has 20, or 40 in all. Public."""
    requester = Requester(viewer, address=address_of(request))
    count_booking(request, requester)
    created = helpers.book(
        db,
        slot_request=booking.slot_request(),
        held=booking.hold,
        contact=booking.contact(language),
        message=booking.message,
        init_data=booking.telegram_init_data,
        requester=requester,
    )
    response.headers["Location"] = f"/api/v1/bookings/{created.id}/"
    return created._asdict() | {"key": None if created.unconfirmed else guest_key("booking", created)}


def _count_change(request: Request, requester: BookingRequester, booking_id: Id) -> None:
    """Count callers apart, and guests only if their key is right: nobody can lock out the patient."""
    if requester.viewer is not None and not requester.is_staff:
        by_account(request, CHANGE, f"{booking_id} {requester.viewer.user_id}")
    elif requester.has_key("booking", booking_id):
        by_account(request, CHANGE, f"{booking_id} link")


CHANGES = [by_address(CHANGE, only_anonymous=True), Depends(_count_change)]


@router.get("/bookings/", response_model=Page[schemas.Booking])
def list_bookings(
    db: DbSession,
    me: SignedIn,
    paging: Paging,
    filters: Annotated[schemas.BookingFilter, Query()],
) -> Slice[Row[Any]]:
    """List the caller's bookings, earliest start first. Staff see all bookings. Requires: signed in."""
    rows = helpers.page(db, requester=Requester(me), after=paging.last_keys(2), limit=paging.fetch, **filters.given())
    return paging.page(rows, key=_position)


def _position(booking: Row[Any]) -> tuple[int, int]:
    """Return the key by which `crud.page` orders bookings."""
    return microseconds(booking.starts_at), booking.id


@router.get("/bookings/{booking_id}/", response_model=schemas.Booking, responses=error_responses(401))
def get_booking(booking_id: Id, db: DbSession, requester: BookingRequester) -> Row[Any]:
    """Return a booking. Guests send its `key`, which is valid until 90 days after the end of the booking. Requires: the
    patient, a holder of the booking link, or staff."""
    return helpers.get(db, booking_id=booking_id, requester=requester)


@router.get(
    "/bookings/{booking_id}/history/", response_model=list[schemas.BookingEvent], responses=error_responses(401)
)
def get_booking_history(booking_id: Id, db: DbSession, requester: BookingRequester) -> Sequence[Row[Any]]:
    """List the changes of a booking from its creation on, oldest first. Requires: the patient, a holder of the booking
    link, or staff."""
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
    """Return a booking as an iCalendar file (RFC 5545). Requires: the patient, a holder of the booking link, or
    staff."""
    content = helpers.calendar(db, booking_id=booking_id, requester=requester)
    headers = {"Content-Disposition": 'attachment; filename="booking.ics"', "Cache-Control": "private, no-cache"}
    return CalendarFile(content, headers=headers)


@router.post(
    "/bookings/{booking_id}/confirm/",
    response_model=schemas.Booking,
    responses=error_responses(401, 429),
    dependencies=CHANGES,
)
def confirm_booking(booking_id: Id, db: DbSession, requester: BookingRequester) -> Row[Any]:
    """Confirm a `pending` booking: a slot that was offered from the waiting list, or a guest's own booking. It becomes
    `booked`.

    Returns 409 if the booking is not `pending`, or if its `held_until` has passed. Requires: the patient, a holder of
    the booking link, or staff."""
    return helpers.confirm(db, booking_id=booking_id, requester=requester)


@router.post(
    "/bookings/{booking_id}/reschedule/",
    response_model=schemas.Booking,
    responses=error_responses(401, 429) | TAKEN,
    dependencies=CHANGES,
)
def reschedule_booking(
    booking_id: Id, move: schemas.BookingMove, db: DbSession, requester: BookingRequester, expected: IfMatch
) -> Row[Any]:
    """Move a booking to another free slot of the same doctor or diagnostic. The patient gets an e-mail. The price does
    not change. The previous slot is offered to the waiting list.

    Returns 409 with `next_slots` if the slot is taken or the patient has another booking at that time; 409 if the
    booking is not `booked`, if a patient moves it after `changeable_until`, or if its doctor, diagnostic or location no
    longer takes bookings; 422 if no slot that can be booked starts at `starts_at`, or if the doctor or diagnostic is
    not available at the new location. Requires: the patient, a holder of the booking link, or staff."""
    return helpers.reschedule(db, booking_id=booking_id, requester=requester, expected=expected, **move.model_dump())


@router.post(
    "/bookings/{booking_id}/cancel/",
    response_model=schemas.Booking,
    responses=error_responses(401, 429),
    dependencies=CHANGES,
)
def cancel_booking(
    booking_id: Id, cancellation: schemas.Cancellation, db: DbSession, requester: BookingRequester, expected: IfMatch
) -> Row[Any]:
    """Cancel a booking, or decline a slot that was offered from the waiting list.

    The slot is offered to the next patient on the waiting list. The patient of the cancelled booking gets an e-mail;
    a patient who declines an offer does not.

    Returns 409 if the booking is neither `booked` nor `pending`, or if a patient cancels a `booked` one after
    `changeable_until`. Requires: the patient, a holder of the booking link, or staff."""
    return helpers.cancel(db, booking_id=booking_id, reason=cancellation.reason, requester=requester, expected=expected)


@router.post(
    "/bookings/{booking_id}/status/", response_model=schemas.Booking, dependencies=[requires("clinic:patients")]
)
def note_booking_status(
    booking_id: Id, note: schemas.StatusNote, db: DbSession, me: SignedIn, expected: IfMatch
) -> Row[Any]:
    """Set the status of a visit.

    Allowed transitions: from `booked` to `arrived`, `fulfilled` or `noshow`; from `arrived` to `fulfilled` or `booked`;
    from `fulfilled` to `arrived`; from `noshow` to `arrived` or `booked`. Returns 409 for any other transition; for
    `arrived` and `fulfilled` before the local date of the visit; for `noshow` before the start of the visit; and for a
    change from `noshow` if the slot has been booked again. Requires: staff."""
    return visits.set_status(
        db, booking_id=booking_id, status=note.status, reason=note.reason, requester=Requester(me), expected=expected
    )
