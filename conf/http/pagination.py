"""Pages by cursor: `{"items": […], "next": "…"}`. A cursor is opaque to clients; inside, it is the last row's key.

The next page begins after that key, so a page costs the same at any depth and no row is shown twice or left out when
rows come and go meanwhile.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, Request, Response
from pydantic import BaseModel

from conf.errors import Invalid
from conf.values import MAX_ID

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=100, description="Rows a page has at most.")]
Cursor = Annotated[str | None, Query(max_length=64, description="The `next` of the page before.")]


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None


def key_of(cursor: str | None) -> int | None:
    """The id inside a cursor. Invalid when it is none of ours."""
    keys = _keys(cursor, 1)
    return keys[0] if keys else None


def keys_of(cursor: str | None) -> tuple[int, int] | None:
    """The number that rows are ordered by, and the id. Invalid when it is none of ours."""
    keys = _keys(cursor, 2)
    return (keys[0], keys[1]) if keys else None


def _keys(cursor: str | None, count: int) -> list[int] | None:
    if cursor is None:
        return None
    try:
        keys = [int(part) for part in base64.urlsafe_b64decode(cursor.encode() + b"==").split(b".")]
    except (ValueError, binascii.Error):
        keys = []
    if len(keys) != count or not all(0 <= key <= MAX_ID for key in keys):
        raise Invalid("This is not a cursor of this API.", field="cursor")
    return keys


def page(
    rows: Sequence[Any],
    *,
    limit: int,
    request: Request,
    response: Response,
    key: Callable[[Any], tuple[int, ...]] = lambda row: (row.id,),
) -> dict[str, Any]:
    """The page of `rows`, of which one more than `limit` was asked for; the next one in `Link` too (RFC 8288).

    `key`: what the rows are ordered by, the id last.
    """
    items = rows[:limit]
    if len(rows) <= limit:
        return {"items": items, "next": None}
    keys = ".".join(str(part) for part in key(items[-1]))
    cursor = base64.urlsafe_b64encode(keys.encode()).decode().rstrip("=")
    response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'
    return {"items": items, "next": cursor}
