"""Checks of every request: unknown query parameters, and NUL characters, which PostgreSQL cannot store in text."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import Depends, Request

NUL = "\0"
_REASON = "Text must not contain the NUL character."


def any_query() -> None:
    """Mark a route that accepts any query parameter; see `ANY_QUERY`."""


ANY_QUERY = Depends(any_query)
"""For `dependencies=[…]` of a route that ignores unknown query parameters, or reads them from the `Request` itself."""


def unknown_parameters(request: Request, known: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield an error for each query parameter that the route does not have, with the most similar name as a hint."""
    for name in request.query_params:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, 1)
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
