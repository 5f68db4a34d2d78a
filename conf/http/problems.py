"""Error responses: every exception becomes `application/problem+json` (RFC 9457) with the status code from `STATUS`.

    {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is no video 7.",
     "request_id": "…", "errors": [{"field": "title", "reason": "…"}]}

`errors` is present if the error concerns fields or parameters. A 500 response contains no details of the error: they
are in the log, with the request id.
"""

import http
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import Counter
from psycopg2.errors import ReadOnlySqlTransaction
from pydantic import BaseModel, Field
from pydantic_core import to_json
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from conf import errors
from conf.db.dependencies import SAFE_METHODS
from conf.db.session import dispose

log = structlog.get_logger(__name__)

ERRORS = Counter("campus_errors", "Unexpected errors of routes", ["route", "error"])
MAX_ERRORS = 20
"""Maximum length of `errors` in a response: a small request can have thousands of invalid values."""
STATUS: dict[type[errors.CampusError], int] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.VersionMismatch: 412,
    errors.VersionRequired: 428,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.Invalid: 422,
    errors.Unreadable: 400,
    errors.NotAcceptable: 406,
    errors.TooLarge: 413,
    errors.Unsupported: 415,
    errors.RateLimited: 429,
    errors.TimedOut: 408,
    errors.StorageFull: 507,
    errors.Unavailable: 503,
}


class FieldError(BaseModel):
    """An invalid field or parameter of a request."""

    field: str = Field(
        description="Name of the field, parameter or header. Nested names and list indexes are joined with dots."
        " `body` is the whole request body.",
        examples=["tags.0"],
    )
    reason: str = Field(
        description="What is wrong with the value.", examples=["String should have at least 1 character"]
    )


class Problem(BaseModel):
    """An error response (RFC 9457)."""

    type: str = Field(
        description="Always `about:blank`: the status code says what kind of error it is.", examples=["about:blank"]
    )
    title: str = Field(description="Standard phrase of the HTTP status code.", examples=["Not Found"])
    status: int = Field(description="HTTP status code.", examples=[404])
    detail: str = Field(description="What is wrong and what to do, for a person.", examples=["There is no video 7."])
    request_id: str | None = Field(
        description="Id of the request in the server's log, as in the header `X-Request-ID`.",
        examples=["3f2a9c51e07b4d68"],
    )
    errors: list[FieldError] | None = Field(
        None,
        description="The invalid fields and parameters, at most 20. Absent or null if the error concerns none of them.",
    )


def error_responses(*statuses: int, model: type[Problem] = Problem) -> dict[int | str, dict[str, Any]]:
    """Return the value for a route's `responses`. The API reference adds the status codes that follow from the route's
    parameters and permissions; list only the others."""
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
    """Return an error response.

    `faults`: the members of `errors`, each with `field` and `reason`. `more`: extension members (RFC 9457, 3.2).
    """
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


def error_response(request: Request, error: Exception) -> Response:
    """Return the error response for any exception."""
    match error:
        case errors.CampusError():
            status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
            faults = [{"field": error.field, "reason": error.detail}] if error.field else []
            headers = _headers(request, error)
            return problem(request, status, error.detail, faults=faults, headers=headers, more=error.more)
        case RequestValidationError():
            first = error.errors()[:MAX_ERRORS]
            faults = [_fault(fault) for fault in first]
            return problem(request, 422, "The request is not valid.", faults=faults)
        case HTTPException():
            return _of_http_exception(request, error)
        case ClientDisconnect():
            return problem(request, 400, "The request ended before its body was complete.")
        case PoolTimeout():
            return problem(request, 503, "The database is busy. Try again later.", headers={"Retry-After": "1"})
        case DBAPIError(orig=ReadOnlySqlTransaction()) if request.method not in SAFE_METHODS:
            log.error("the main database is read-only: it is a standby")
            dispose()  # the next requests connect anew: the address may lead to another server by now
            return problem(request, 503, "The database is unavailable. Try again later.", headers={"Retry-After": "5"})
        case OperationalError() | DBAPIError(connection_invalidated=True):
            log.error("the database is unavailable", exc_info=error)
            return problem(request, 503, "The database is unavailable. Try again later.", headers={"Retry-After": "2"})
        case _:
            ERRORS.labels(request.scope.get("route_path", "unmatched"), type(error).__name__).inc()
            log.error("unexpected error", exc_info=error, route=request.scope.get("route_path", "unmatched"))
            return problem(request, 500, "An unexpected error occurred. Report it with the request id.")


def _headers(request: Request, error: errors.CampusError) -> dict[str, str] | None:
    """Return the headers that the status code requires (RFC 9110, 10.2.3; RFC 6750, 3)."""
    match error:
        case errors.Unavailable() | errors.RateLimited():
            return {"Retry-After": str(error.retry_after)}
        case errors.Unauthenticated() if request.headers.get("authorization"):
            return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        case errors.Unauthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case errors.TimedOut():
            return {"Connection": "close"}
        case _:
            return None


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    """Return the field's name, such as `title` or `tags.0`, and the reason.

    `loc` starts with the part of the request (`body`, `query`), which is left out.
    """
    location: Sequence[int | str] = error["loc"]
    if error["type"] == "json_invalid":
        reason = f"The body is not valid JSON at character {location[-1]}: {error['ctx']['error']}."
        return {"field": "body", "reason": reason}
    field = ".".join(str(part) for part in (location[1:] or location))
    return {"field": field[:100], "reason": error["msg"].removeprefix("Value error, ")}


def _of_http_exception(request: Request, error: HTTPException) -> Response:
    """Return the response for an HTTPException. A `detail` that is not a string becomes the member `details`."""
    detail: Any = error.detail
    more = None
    if error.status_code == 404 and detail == http.HTTPStatus.NOT_FOUND.phrase:
        detail = f"The path {request.url.path[:200]} does not exist."
    elif not isinstance(detail, str):  # FastAPI takes any JSON value
        detail, more = http.HTTPStatus(error.status_code).phrase, {"details": detail}
    return problem(request, error.status_code, detail, headers=error.headers, more=more)


def install(app: FastAPI) -> None:
    """Add exception handlers that return error responses. Handlers that the application adds later replace them, as
    FastAPI's documentation says."""

    async def handle(request: Request, error: Exception) -> Response:
        return error_response(request, error)

    for kind in (errors.CampusError, RequestValidationError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, handle)


async def unhandled_error_response(request: Request, error: Exception) -> Response:
    """Return the response of the application's handler for `Exception`, for an error that no other handler handled."""
    handlers = request.app.exception_handlers if "app" in request.scope else {}
    handler: Any = handlers.get(Exception) or handlers.get(500)
    if handler is None:
        return error_response(request, error)
    result = handler(request, error)
    response: Response = await result if inspect.isawaitable(result) else result
    return response
