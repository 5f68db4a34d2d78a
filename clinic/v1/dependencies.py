"""What routes of several groups of the clinic take."""

from typing import Annotated

from fastapi import Depends, Query

from clinic.bookings.patients import Requester
from conf.http.uploads import upload
from conf.storage.incoming import IncomingFile, sniff_picture
from conf.storage.pictures import MAX_BYTES
from conf.values import MAX_ID
from iam.dependencies import Viewer, requires
from iam.roles import Identity

EDITOR = requires("clinic:write")
"""For `dependencies=[…]` of a route that need not know who it is."""
Editor = Annotated[Identity, EDITOR]
LinkKey = Annotated[str | None, Query(max_length=64, description="Of the link that a guest was sent.")]
IdFilter = Annotated[int | None, Query(ge=1, le=MAX_ID)]
Photo = Annotated[IncomingFile, upload(max_bytes=MAX_BYTES, sniff=sniff_picture)]


def may_see_hidden(viewer: Viewer) -> bool:
    return viewer is not None and viewer.may("clinic:write")


Hidden = Annotated[bool, Depends(may_see_hidden)]
"""Whether the caller also gets what is not active."""


def requester(viewer: Viewer, key: LinkKey = None) -> Requester:
    return Requester(viewer, key)


BookingRequester = Annotated[Requester, Depends(requester)]
"""The caller: an account, or a guest by the link that was mailed."""
