"""Dependencies that several groups of the clinic's routes share."""

from typing import Annotated

from fastapi import Depends, Query

from clinic.bookings.patients import Requester
from conf.http.uploads import upload
from conf.storage.incoming import IncomingFile, sniff_picture
from conf.storage.pictures import MAX_BYTES
from iam.dependencies import Viewer, requires
from iam.roles import Identity

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


def requester(viewer: Viewer, key: LinkKey = None) -> Requester:
    return Requester(viewer, key)


BookingRequester = Annotated[Requester, Depends(requester)]
"""The caller of a route about a patient's data: an account, or a guest with the key of a link."""
