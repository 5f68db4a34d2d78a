"""Routes that a newer version of the API replaces. They keep working, and their responses have headers that say so
(RFC 9745, RFC 5829, RFC 8594)."""

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

F = TypeVar("F", bound=Callable[..., Any])


class Successor:
    """The route that replaces another.

    `path`: the path of the new route. `since`: the day of the deprecation. `until`: the first day on which the old
    route may be removed, if known.
    """

    def __init__(self, path: str, *, since: dt.date, until: dt.date | None) -> None:
        self.path = path
        self._fixed = [(b"deprecation", b"@%d" % _noon(since).timestamp())]
        if until is not None:
            self._fixed.append((b"sunset", _noon(until).strftime("%a, %d %b %Y %H:%M:%S GMT").encode()))

    def headers(self, path_params: dict[str, str]) -> list[tuple[bytes, bytes]]:
        """Return `Deprecation`, `Sunset` if `until` is known, and `Link` with the path of the new route."""
        path = self.path
        if path_params:
            plain = {n: v if v.isascii() and v.isalnum() else quote(v, safe="") for n, v in path_params.items()}
            path = path.format_map(plain)
        return [*self._fixed, (b"link", f'<{path}>; rel="successor-version"'.encode())]


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), dt.UTC)


def superseded(by: str, *, since: dt.date, until: dt.date | None = None) -> Callable[[F], F]:
    """Deprecate a route. Put this decorator below the router's.

    `by`: the path of the route to use instead, with the same path parameters. `since`: the day of the deprecation.
    `until`: the first day on which the route may be removed.
    """

    def mark(endpoint: F) -> F:
        endpoint.successor = Successor(by, since=since, until=until)  # type: ignore[attr-defined]
        return endpoint

    return mark
