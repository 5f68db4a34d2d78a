"""The waiting list of a doctor or a diagnostic: when a slot becomes free, it is offered to the first patient."""

from typing import Annotated, Any

from fastapi import Query, Request
from sqlalchemy import Row

from clinic.bookings import waiting
from clinic.bookings.patients import Requester
from clinic.v1.dependencies import COUNT_GUEST, BookingRequester, count_booking, guest_key
from clinic.v1.waiting import schemas
from conf.db.dependencies import DbSession
from conf.http.languages import PreferredLanguage
from conf.http.limits import address_of
from conf.http.pagination import Page, Paging, Slice
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.schemas import Id
from iam.dependencies import SignedIn, Viewer

router = Router("/api/v1", tags=["clinic: waiting list"])


@router.post(
    "/waiting/",
    response_model=schemas.NewWaiting,
    status_code=201,
    responses=error_responses(403, 429),
    dependencies=[COUNT_GUEST],
)
def join_waiting_list(
    entry: schemas.WaitingCreate, db: DbSession, viewer: Viewer, language: PreferredLanguage, request: Request
) -> dict[str, Any]:
    """Join the waiting list of a doctor or diagnostic at a location.

    When a slot on one of the days becomes free, it is offered to the first patient on the list who is free at that
    time. This patient gets an e-mail and a `pending` booking, and is removed from the list. The booking must be
    confirmed with `POST /bookings/{booking_id}/confirm/` within two hours, and before the slot starts. Otherwise the
    slot is offered to the next patient.

    Callers who are not signed in join as guests: they send `name`, `email` and `phone`, and get a `key` to leave the
    list. Returns 409 if the account is already on this list; 422 if `last_day` is in the past; 403 if a caller who is
    not staff sends `patient_id`, or an `email` other than the account's. Public."""
    requester = Requester(viewer, address=address_of(request))
    count_booking(request, requester)
    created = waiting.join(
        db,
        doctor_id=entry.doctor_id,
        diagnostic_id=entry.diagnostic_id,
        location_id=entry.location_id,
        first_day=entry.first_day,
        last_day=entry.last_day,
        contact=entry.contact(language),
        requester=requester,
    )
    fields = {name: getattr(created, name) for name in schemas.Waiting.model_fields}
    return fields | {"key": guest_key("waiting", created)}


@router.get("/waiting/", response_model=Page[schemas.Waiting])
def list_waiting(
    db: DbSession,
    me: SignedIn,
    paging: Paging,
    filters: Annotated[schemas.WaitingFilter, Query()],
) -> Slice[Row[Any]]:
    """List the caller's entries of the waiting list, oldest first. Staff see all entries. Requires: signed in."""
    rows = waiting.page(db, after_id=paging.last_id, limit=paging.fetch, requester=Requester(me), **filters.given())
    return paging.page(rows)


@router.delete(
    "/waiting/{waiting_id}/", status_code=204, responses=error_responses(401, 429), dependencies=[COUNT_GUEST]
)
def leave_waiting_list(waiting_id: Id, db: DbSession, requester: BookingRequester) -> None:
    """Leave the waiting list. Guests send the `key` of the entry. Requires: the patient, a holder of the key, or
    staff."""
    waiting.leave(db, waiting_id=waiting_id, requester=requester)
