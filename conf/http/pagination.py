"""Cursor pagination: `{"items": […], "next": "…"}`. A cursor is opaque to clients; it contains the key of the last row.

The next page starts after that key. So every page costs the same, and no row is repeated or skipped when other rows are
inserted or deleted between two requests.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, overload

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from conf.errors import Invalid
from conf.settings import get_settings
from conf.values import MAX_ID

T = TypeVar("T")
S = TypeVar("S")


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T] = Field(description="Items of this page, in the order of the list.")
    next: str | None = Field(
        description="Value of `cursor` for the next page; null on the last page.", examples=["MTI3"]
    )


@dataclass(frozen=True)
class Slice(Generic[T]):
    """A page of rows that are not validated yet. Routes with `response_model=Page[…]` return it."""

    items: list[T]
    next: str | None


class PageRequest:
    """The page that the client requests. Routes get it with the dependency `Paging`."""

    def __init__(
        self,
        request: Request,
        response: Response,
        cursor: Annotated[
            str | None,
            Query(
                max_length=64,
                description="`next` of the previous page. Leave it out for the first page.",
                examples=["MTI3"],
            ),
        ] = None,
        limit: Annotated[int, Query(ge=1, le=100, description="Maximum number of items per page, from 1 to 100.")] = 20,
    ) -> None:
        self._request = request
        self._response = response
        self._cursor = cursor
        self._limit = limit
        self.fetch = limit + 1
        """Number of rows to select: one more than the page has, to find out whether there is a next page."""

    @property
    def last_id(self) -> int | None:
        """The id of the last row of the previous page. Raises: Invalid, if the cursor is not valid."""
        keys = _keys(self._cursor, 1)
        return keys[0] if keys else None

    def last_keys(self, count: int) -> Sequence[int] | None:
        """Return the `count` values of `key` for the last row of the previous page, or None for the first page.

        Raises: Invalid, if the cursor is not valid.
        """
        return _keys(self._cursor, count)

    @overload
    def page(self, rows: Sequence[T], *, key: Callable[[T], tuple[int, ...]] = ...) -> Slice[T]: ...
    @overload
    def page(
        self, rows: Sequence[T], *, convert: Callable[[T], S], key: Callable[[T], tuple[int, ...]] = ...
    ) -> Slice[S]: ...
    def page(
        self,
        rows: Sequence[Any],
        *,
        convert: Callable[[Any], Any] | None = None,
        key: Callable[[Any], tuple[int, ...]] = lambda row: (row.id,),
    ) -> Slice[Any]:
        """Return the page of `rows` and set the header `Link` to the next page (RFC 8288).

        `rows`: up to `fetch` rows. `convert`: converts a row to an item. `key`: the values that the next page
        needs to begin after a row: those that the rows are sorted by.
        """
        found = list(rows[: self._limit])
        items = found if convert is None else [convert(row) for row in found]
        if len(rows) <= self._limit:
            return Slice(items, None)
        keys = ".".join(str(part) for part in key(found[-1]))
        cursor = base64.urlsafe_b64encode(keys.encode()).decode().rstrip("=")
        url = self._request.url.include_query_params(cursor=cursor)
        self._response.headers["Link"] = f'<{get_settings().public_url}{url.path}?{url.query}>; rel="next"'
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
        raise Invalid("The cursor is not valid. Use the `next` value of the previous page.", field="cursor")
    return keys
