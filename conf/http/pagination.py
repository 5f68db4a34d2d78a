"""Pages by cursor: `{"items": […], "next": "…"}`. A cursor is opaque to clients; inside, it is the last row's key.

The next page begins after that key, so a page costs the same at any depth and no row is shown twice or left out when
rows come and go meanwhile.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, overload

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel

from conf.errors import Invalid
from conf.values import MAX_ID

T = TypeVar("T")
S = TypeVar("S")


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None


@dataclass(frozen=True)
class Slice(Generic[T]):
    """What a route returns for `response_model=Page[…]`: rows that are not validated yet."""

    items: list[T]
    next: str | None


class PageRequest:
    """Which page of a list the client asks for. `Paging` gives it to a route."""

    def __init__(
        self,
        request: Request,
        response: Response,
        cursor: Annotated[str | None, Query(max_length=64, description="The `next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=100, description="Rows a page has at most.")] = 20,
    ) -> None:
        self._request = request
        self._response = response
        self._cursor = cursor
        self._limit = limit
        self.fetch = limit + 1
        """How many rows to select: one more than the page has, to know whether there is another."""

    @property
    def last_id(self) -> int | None:
        """The id of the last row of the page before. Raises: Invalid, when the cursor is none of ours."""
        keys = _keys(self._cursor, 1)
        return keys[0] if keys else None

    @property
    def last_keys(self) -> tuple[int, int] | None:
        """The number that rows are ordered by, and the id, of the last row of the page before. Raises: Invalid."""
        keys = _keys(self._cursor, 2)
        return (keys[0], keys[1]) if keys else None

    @overload
    def page(self, rows: Sequence[T], *, key: Callable[[T], tuple[int, ...]] = ...) -> Slice[T]: ...
    @overload
    def page(
        self, rows: Sequence[T], *, show: Callable[[T], S], key: Callable[[T], tuple[int, ...]] = ...
    ) -> Slice[S]: ...
    def page(
        self,
        rows: Sequence[Any],
        *,
        show: Callable[[Any], Any] | None = None,
        key: Callable[[Any], tuple[int, ...]] = lambda row: (row.id,),
    ) -> Slice[Any]:
        """The page of `rows`, each as `show` makes it; the next page is in the header `Link` too (RFC 8288).

        `rows`: up to `fetch`. `key`: the numbers that they are ordered by, the id last.
        """
        found = list(rows[: self._limit])
        items = found if show is None else [show(row) for row in found]
        if len(rows) <= self._limit:
            return Slice(items, None)
        keys = ".".join(str(part) for part in key(found[-1]))
        cursor = base64.urlsafe_b64encode(keys.encode()).decode().rstrip("=")
        self._response.headers["Link"] = f'<{self._request.url.include_query_params(cursor=cursor)}>; rel="next"'
        return Slice(items, cursor)


Paging = Annotated[PageRequest, Depends()]


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
