"""Receive and parse request bodies of limited size, in limited time."""

import asyncio
import contextlib
import email.message
import json
from typing import Any

from fastapi import Request, params
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

from conf.errors import TimedOut, TooLarge
from conf.http.arguments import NO_BODY
from conf.http.headers import header

KIB = 1024
UNREADABLE = "There was an error parsing the body"
"""FastAPI's message."""
PATIENCE_S = 30
"""Seconds in which a body must arrive, plus one second for each `SLOWEST` bytes received."""
SLOWEST = 4096
"""Slowest accepted transfer rate of a long body, in bytes per second."""
MAX_LISTED = 200
"""Number of invalid values above which a response does not list them: each costs a few microseconds."""


def bounded(scope: Scope, receive: Receive, *, limit: int, file_limit: int | None = None) -> Receive:
    """Wrap `receive` of a request. The result raises TooLarge as soon as the body exceeds `limit` bytes, or before any
    of it is read if `Content-Length` does. It raises TimedOut if the body arrives too slowly.

    `file_limit`: the limit of the file, if the body contains one.
    """
    received, complete, deadline = 0, False, 0.0

    async def receive_bounded() -> Message:
        nonlocal received, complete, deadline
        if complete:
            return await receive()
        if not deadline:
            deadline = asyncio.get_running_loop().time() + PATIENCE_S
            length = header(scope, b"content-length")
            if length.isdigit() and int(length[:20]) > limit:
                raise _too_large(limit, file_limit)
        try:
            async with asyncio.timeout_at(deadline + received / SLOWEST):
                message = await receive()
        except TimeoutError:
            raise TimedOut("The request body arrived too slowly.") from None
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if received > limit:
            raise _too_large(limit, file_limit)
        return message

    return receive_bounded


def _too_large(limit: int, file_limit: int | None) -> TooLarge:
    if file_limit is not None:
        return TooLarge(f"The file must be at most {file_limit} bytes.", field="file")
    return TooLarge(f"The request body must be at most {limit} bytes.")


async def read_fastapi_body(request: Request, route: Any) -> Any:
    """Read the body as FastAPI does: a form, a JSON value, or bytes.

    Raises: TooLarge; TimedOut; HTTPException; RequestValidationError.
    """
    if isinstance(route.body_field.field_info, params.Form):
        try:
            return await request.form(**(getattr(route, "form_limits", None) or {}))
        except (TooLarge, TimedOut, HTTPException):
            raise
        except Exception as error:
            raise HTTPException(400, UNREADABLE) from error
    body = await request.body()
    message = email.message.Message()
    message["content-type"] = request.headers.get("content-type", "application/json")
    subtype = message.get_content_subtype()
    if not body:
        return NO_BODY
    if message.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        return body
    return parsed(body)


def parsed(body: bytes) -> Any:
    """Parse JSON, with the errors of FastAPI. Raises: RequestValidationError; HTTPException, if it is not UTF-8."""
    with contextlib.suppress(ValueError):
        return from_json(body)
    try:  # as FastAPI: the standard library reports the position of the error
        json.loads(body)
    except json.JSONDecodeError as error:
        raise _not_json(body, error.pos, error.msg) from error
    except RecursionError as error:
        raise _not_json(body, 0, "Nested too deeply") from error
    except ValueError as error:
        raise HTTPException(400, UNREADABLE) from error
    raise _not_json(body, 0, "Unpaired surrogate, or nested too deeply")


def _not_json(body: bytes, position: int, reason: str) -> RequestValidationError:
    fault = {"type": "json_invalid", "loc": ("body", position), "msg": "JSON decode error", "input": {}}
    return RequestValidationError([fault | {"ctx": {"error": reason}}], body=body.decode(errors="replace"))


def validated(field: Any, value: Any) -> tuple[Any, list[Any]]:
    """Validate a body as FastAPI does, and return its value and the errors.

    If there are more than `MAX_LISTED` errors, return one that tells their number.
    """
    try:
        return field._type_adapter.validate_python(value, from_attributes=True), []  # noqa: SLF001  # as FastAPI
    except ValidationError as error:
        count = error.error_count()
        if count > MAX_LISTED:
            reason = f"The body has {count} invalid values."
            return None, [{"type": "too_many_errors", "loc": ("body",), "msg": reason, "input": None}]
        found = error.errors(include_url=False)
        return None, [{**one, "loc": ("body", *one["loc"])} for one in found]


def single_json_body(route: Any, bodies: list[Any]) -> Any:
    """Return the body parameter of a route whose only body is JSON; None if FastAPI's code must read the body."""
    if len(bodies) != 1 or bodies[0] not in route.dependant.body_params or route._embed_body_fields:  # noqa: SLF001
        return None
    info = bodies[0].field_info
    is_json = not isinstance(info, params.Form) and getattr(info, "media_type", "") == "application/json"
    return bodies[0] if is_json and info.annotation not in (bytes, str) else None
