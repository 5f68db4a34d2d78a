"""Checks of every request: unknown query parameters, and NUL characters, which PostgreSQL cannot store in text."""

import difflib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import Depends, Request

from conf.http.problems import MAX_ERRORS

NUL = "\0"
LONGEST_NAME = 50
"""Characters of a query parameter's name that are compared with the known names: the time grows with their square."""
_REASON = "Text must not contain the NUL character."


def any_query() -> None:
    """Mark a route that accepts any query parameter; see `ANY_QUERY`."""


ANY_QUERY = Depends(any_query)
"""For `dependencies=[…]` of a route that ignores unknown query parameters, or reads them from the `Request` itself."""


def common_errors(
    request: Request, received: Any, body: Any, *, known: frozenset[str] | None, is_stored: bool
) -> list[dict[str, Any]]:
    """Return the errors of a request, at most `MAX_ERRORS`, so that a long request costs no more than a short one.

    `received`: the bytes of the body, from which `body` was parsed. `known`: the names of the route's query parameters;
    None: it accepts any. `is_stored`: whether the route uses the database, which refuses NUL.
    """
    errors: list[Iterator[dict[str, Any]]] = []
    if known is not None and request.scope["query_string"]:
        errors.append(unknown_parameters(request, known))
    if is_stored:
        errors.append(nul_in_url(request))
        if not isinstance(received, bytes) or b"\\u0000" in received or b"\0" in received:
            errors.append(nul_in_body(body))
    return list(itertools.islice(itertools.chain(*errors), MAX_ERRORS))


def unknown_parameters(request: Request, known: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield an error for each query parameter that the route does not have, with the most similar name as a hint."""
    for name in request.query_params:
        if name not in known:
            nearest = difflib.get_close_matches(name[:LONGEST_NAME], known, 1)
            hint = f" Did you mean `{nearest[0]}`?" if nearest else ""
            yield _error(("query", name), f"Unknown query parameter.{hint}")


def nul_in_url(request: Request) -> Iterator[dict[str, Any]]:
    """Yield an error for each path and query parameter that contains a NUL character."""
    if b"%00" in request.scope["query_string"]:
        yield from (
            _error(("query", name), _REASON) for name, value in request.query_params.multi_items() if NUL in value
        )
    if NUL in request.scope["path"]:
        yield from (_error(("path", name), _REASON) for name, value in request.path_params.items() if NUL in str(value))


def nul_in_body(value: Any, where: tuple[str | int, ...] = ("body",)) -> Iterator[dict[str, Any]]:
    """Yield an error for each string in a parsed body that contains a NUL character."""
    match value:
        case str():
            if NUL in value:
                yield _error(where, _REASON)
        case Mapping():
            for name, part in value.items():
                if NUL in str(name):
                    yield _error(where, "Names must not contain the NUL character.")
                yield from nul_in_body(part, (*where, name))
        case list() | tuple():
            for index, part in enumerate(value):
                yield from nul_in_body(part, (*where, index))


def _error(where: tuple[str | int, ...], reason: str) -> dict[str, Any]:
    return {"type": "value_error", "loc": where, "msg": reason, "input": None}
