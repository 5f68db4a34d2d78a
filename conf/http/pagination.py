"""Pages by cursor: `{"items": […], "next": "…"}`. A cursor is opaque to clients; inside, it is the last row's key.

The next page begins after that key, so a page costs the same at any depth and no row is shown twice or left out when
rows come and go meanwhile.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, Request, Response
from pydantic import BaseModel

from conf.errors import Invalid
from conf.http.schemas import MAX_ID

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=100, description="Rows a page has at most.")]
Cursor = Annotated[str | None, Query(max_length=64, description="The `next` of the page before.")]


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None


def key_of(cursor: str | None) -> int | None:
    """The key inside a cursor. Invalid when it is none of ours."""
    if cursor is None:
        return None
    try:
        key = int(base64.urlsafe_b64decode(cursor.encode() + b"=="))
    except (ValueError, binascii.Error):
        key = 0
    if not 0 < key <= MAX_ID:
        raise Invalid("This is not a cursor of this API.", field="cursor")
    return key


def page(rows: Sequence[Any], *, limit: int, request: Request, response: Response) -> dict[str, Any]:
    """The page of `rows`, of which one more than `limit` was asked for; the next one in `Link` too (RFC 8288)."""
    items = rows[:limit]
    if len(rows) <= limit:
        return {"items": items, "next": None}
    cursor = base64.urlsafe_b64encode(str(items[-1].id).encode()).decode().rstrip("=")
    response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'
    return {"items": items, "next": cursor}
