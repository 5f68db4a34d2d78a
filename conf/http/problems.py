"""Every error as `application/problem+json` (RFC 9457): the one table from domain errors to statuses.

    {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is no video 7.",
     "request_id": "…", "errors": [{"field": "title", "reason": "…"}]}

`errors` is there for bad input only. A 500 tells nothing but the request id; the log has the rest.
"""

import http
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from conf import errors

log = structlog.get_logger(__name__)

MAX_FAULTS = 20
"""That an answer tells: a small request could have thousands."""
STATUS: dict[type[errors.CampusError], int] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Changed: 412,
    errors.VersionRequired: 428,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.Invalid: 422,
    errors.Unreadable: 400,
    errors.NotAcceptable: 406,
    errors.TooLarge: 413,
    errors.Unsupported: 415,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}


class FieldError(BaseModel):
    field: str
    reason: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None
    errors: list[FieldError] | None = None


def error_responses(*statuses: int, model: type[Problem] = Problem) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a route: the refusals that do not follow from what it takes and who may call it."""
    return {status: {"model": model} for status in statuses}


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    faults: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> Response:
    """The answer for one error. `faults`: `{"field", "reason"}` each. `more`: extension members (RFC 9457, 3.2)."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request.scope.get("request_id"),
        **(more or {}),
    }
    if faults:
        body["errors"] = list(faults)
    return Response(to_json(body), status, headers, "application/problem+json")


def answer(request: Request, error: Exception) -> Response:
    """The answer for any exception."""
    match error:
        case errors.CampusError():
            status = STATUS[type(error)]
            faults = [{"field": error.field, "reason": error.detail}] if error.field else []
            headers = _headers(request, error)
            return problem(request, status, error.detail, faults=faults, headers=headers, more=error.more)
        case RequestValidationError():
            first = error.errors()[:MAX_FAULTS]
            faults = [_fault(fault) for fault in first]
            return problem(request, 422, "The request is not valid.", faults=faults)
        case HTTPException():
            return _of_http_exception(request, error)
        case ClientDisconnect():
            return problem(request, 400, "The request ended too early.")
        case PoolTimeout():
            return problem(request, 503, "The database is busy.", headers={"Retry-After": "1"})
        case OperationalError() | DBAPIError(connection_invalidated=True):
            log.error("the database did not answer", exc_info=error)
            return problem(request, 503, "The database does not answer.", headers={"Retry-After": "2"})
        case _:
            log.error("unexpected error", exc_info=error, path=request.url.path)
            return problem(request, 500, "Something went wrong here. The request id finds it in the log.")


def _headers(request: Request, error: errors.CampusError) -> dict[str, str] | None:
    """What the status asks for: RFC 9110, 10.2.3, and RFC 6750, 3."""
    match error:
        case errors.Unavailable() | errors.TooMany():
            return {"Retry-After": str(error.retry_after)}
        case errors.Unauthenticated() if request.headers.get("authorization"):
            return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        case errors.Unauthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case _:
            return None


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    """The field, without the part of the request (`title`, `tags.0`), and the reason."""
    location: Sequence[int | str] = error["loc"]
    if error["type"] == "json_invalid":
        return {"field": "body", "reason": f"Not JSON: {error['ctx']['error']}, at character {location[-1]}"}
    field = ".".join(str(part) for part in (location[1:] or location))
    return {"field": field[:100], "reason": error["msg"].removeprefix("Value error, ")}


def _of_http_exception(request: Request, error: HTTPException) -> Response:
    """`detail` is a sentence; anything else that FastAPI allows there is told as the member `details`."""
    detail: Any = error.detail
    more = None
    if error.status_code == 404 and detail == http.HTTPStatus.NOT_FOUND.phrase:
        detail = f"There is nothing at {request.url.path}."
    elif not isinstance(detail, str):  # FastAPI takes any JSON value
        detail, more = http.HTTPStatus(error.status_code).phrase, {"details": detail}
    return problem(request, error.status_code, detail, headers=error.headers, more=more)


def install(app: FastAPI) -> None:
    """Answer every exception as a problem. An application that registers handlers of its own afterwards has them
    called instead, as FastAPI documents it."""

    async def handle(request: Request, error: Exception) -> Response:
        return answer(request, error)

    for kind in (errors.CampusError, RequestValidationError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, handle)


async def unexpected(request: Request, error: Exception) -> Response:
    """The response of the application's handler for `Exception`, for what no other handler took."""
    handlers = request.app.exception_handlers if "app" in request.scope else {}
    handler: Any = handlers.get(Exception) or handlers.get(500)
    if handler is None:
        return answer(request, error)
    made = handler(request, error)
    response: Response = await made if inspect.isawaitable(made) else made
    return response
