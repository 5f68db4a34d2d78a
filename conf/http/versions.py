"""Routes that a newer version of the API replaces. They go on as they are, and say so (RFC 9745, RFC 5829)."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Successor:
    path: str
    since: dt.date
    until: dt.date | None

    def headers(self, path_params: dict[str, str]) -> list[tuple[bytes, bytes]]:
        """`Deprecation`, where its successor is, and `Sunset` (RFC 8594) once the day is known."""
        path = self.path.format_map({name: quote(value, safe="") for name, value in path_params.items()})
        told = [
            (b"deprecation", b"@%d" % _noon(self.since).timestamp()),
            (b"link", f'<{path}>; rel="successor-version"'.encode()),
        ]
        if self.until is not None:
            told.append((b"sunset", _noon(self.until).strftime("%a, %d %b %Y %H:%M:%S GMT").encode()))
        return told


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), dt.UTC)


def superseded(by: str, *, since: dt.date, until: dt.date | None = None) -> Callable[[F], F]:
    """Decorator, below that of the router: `by` is the path of the route to use instead, with the same parameters;
    `until` the day it may go."""

    def mark(endpoint: F) -> F:
        endpoint.successor = Successor(by, since, until)  # type: ignore[attr-defined]
        return endpoint

    return mark
