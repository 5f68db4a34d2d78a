"""The arguments of a route and of its dependencies, found in one go in the thread that calls it."""

from collections.abc import Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args


def walk(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for child in dependant.dependencies:
        yield from walk(child)


def solve(dependant: Dependant, request: Request, known: dict[Any, Any], faults: list[Any]) -> dict[str, Any]:
    """The arguments of one function, those of its dependencies first; what is wrong with them goes to `faults`."""
    values: dict[str, Any] = {}
    for child in dependant.dependencies:
        if child.call not in known:
            arguments = solve(child, request, known, faults)
            known[child.call] = child.call(**arguments) if child.call and not faults else None
        if child.name:
            values[child.name] = known[child.call]
    for field in dependant.path_params:  # always there, and never more than one
        value, wrong = field.validate(request.path_params[field.alias], values, loc=("path", field.alias))
        values[field.name] = value
        faults += wrong
    for fields, received in (
        (dependant.query_params, request.query_params if dependant.query_params else ()),
        (dependant.header_params, request.headers if dependant.header_params else ()),
        (dependant.cookie_params, request.cookies if dependant.cookie_params else ()),
    ):
        if fields:
            found, wrong = request_params_to_args(fields, received)  # type: ignore[arg-type]
            values |= found
            faults += wrong
    if dependant.request_param_name:
        values[dependant.request_param_name] = request
    if dependant.response_param_name:
        values[dependant.response_param_name] = request.scope.setdefault("response", _headers_only())
    return values


def _headers_only() -> Response:
    """What a route that asks for the response gets: its headers join those of the answer."""
    response = Response()
    response.raw_headers.clear()
    return response
