"""Routes that a newer version of the API replaces. They go on as they are, and say so (RFC 9745, RFC 5829)."""

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

F = TypeVar("F", bound=Callable[..., Any])


class Successor:
    """The path of the route to use instead, and since when; `until` the day that the old one may go."""

    def __init__(self, path: str, *, since: dt.date, until: dt.date | None) -> None:
        self.path = path
        self._fixed = [(b"deprecation", b"@%d" % _noon(since).timestamp())]
        if until is not None:
            self._fixed.append((b"sunset", _noon(until).strftime("%a, %d %b %Y %H:%M:%S GMT").encode()))

    def headers(self, path_params: dict[str, str]) -> list[tuple[bytes, bytes]]:
        """`Deprecation`, `Sunset` (RFC 8594) once the day is known, and where its successor is."""
        path = self.path
        if path_params:
            plain = {n: v if v.isascii() and v.isalnum() else quote(v, safe="") for n, v in path_params.items()}
            path = path.format_map(plain)
        return [*self._fixed, (b"link", f'<{path}>; rel="successor-version"'.encode())]


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), dt.UTC)


def superseded(by: str, *, since: dt.date, until: dt.date | None = None) -> Callable[[F], F]:
    """Decorator, below that of the router: `by` is the path of the route to use instead, with the same parameters;
    `until` the day it may go."""

    def mark(endpoint: F) -> F:
        endpoint.successor = Successor(by, since=since, until=until)  # type: ignore[attr-defined]
        return endpoint

    return mark
