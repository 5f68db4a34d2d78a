"""Dependencies that several groups of the clinic's routes share."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request

from clinic.bookings import patients
from clinic.bookings.patients import Requester
from conf.http.limits import Policy, address_of, by_account, by_address
from conf.http.uploads import upload
from conf.storage.incoming import IncomingFile, sniff_picture
from conf.storage.pictures import MAX_BYTES
from iam.dependencies import Viewer, requires
from iam.roles import Identity

BOOK = Policy("booking", address="120/hour", account="30/hour")
"""Guests are counted per address, signed-in patients per account. Staff are not counted."""
COUNT_GUEST = by_address(BOOK, only_anonymous=True)
"""For `dependencies=[…]` of a route that also calls `count_booking`."""
EDITOR = requires("clinic:write")
"""For `dependencies=[…]` of a route that does not need the caller's identity."""
Editor = Annotated[Identity, EDITOR]
LinkKey = Annotated[
    str | None,
    Query(
        max_length=64,
        description=(
            "For guests: the `key` from the response that created the booking or waiting list entry. Links in e-mails"
            " to guests contain the key of the booking."
        ),
        examples=["q3VtZl1XcW9sT0hYbmR5a2pQ"],
    ),
]
Photo = Annotated[IncomingFile, upload(max_bytes=MAX_BYTES, sniff=sniff_picture)]


def may_see_inactive(viewer: Viewer) -> bool:
    return viewer is not None and viewer.may("clinic:write")


IncludeInactive = Annotated[bool, Depends(may_see_inactive)]
"""Whether the caller may also see inactive rows."""


def requester(request: Request, viewer: Viewer, key: LinkKey = None) -> Requester:
    return Requester(viewer, key, address_of(request))


BookingRequester = Annotated[Requester, Depends(requester)]
"""The caller of a route about a patient's data: an account, or a guest with the key of a link."""


def count_booking(request: Request, requester: Requester) -> None:
    """Count the request of an account against `BOOK`; those of guests have been counted by `COUNT_GUEST`.

    Raises: RateLimited.
    """
    if requester.viewer is not None and not requester.is_staff:
        by_account(request, BOOK, str(requester.viewer.user_id))


def guest_key(kind: str, row: Any) -> str | None:
    """Return the key with which a guest reaches the row; None if the row belongs to an account."""
    return None if row.patient_id else patients.link_key(kind, row.id)
