"""Read and parse request bodies of limited size."""

import contextlib
import email.message
import json
from typing import Any

from fastapi import Request, params
from fastapi.exceptions import RequestValidationError
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.types import Message

from conf.errors import TooLarge
from conf.http.arguments import NO_BODY
from conf.settings import get_settings

UNREADABLE = "There was an error parsing the body"
"""FastAPI's message."""


async def read(request: Request, *, limit: int) -> bytes:
    """Read the whole body. Afterwards `request.body()` returns it too.

    Raises: TooLarge, before the body is read if `Content-Length` is over the limit.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    request._body = bytes(body)  # noqa: SLF001  # Starlette's own cache
    return request._body  # noqa: SLF001


def limit_body(request: Request) -> None:
    """Limit the request's body to `BODY_MAX_BYTES`. Reads beyond that raise TooLarge."""
    limit, received, receive_more = get_settings().body_max_bytes, 0, request.receive

    async def receive() -> Message:
        nonlocal received
        message = await receive_more()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    request._receive = receive  # noqa: SLF001  # Starlette has no public way


async def read_fastapi_body(request: Request, route: Any) -> Any:
    """Read the body as FastAPI does: a form, a JSON value, or bytes.

    Raises: TooLarge; HTTPException; RequestValidationError.
    """
    if isinstance(route.body_field.field_info, params.Form):
        try:
            return await request.form(**(getattr(route, "form_limits", None) or {}))
        except (TooLarge, HTTPException):
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


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body must be at most {limit} bytes.")


def single_json_body(route: Any, bodies: list[Any]) -> Any:
    """Return the body parameter of a route whose only body is JSON; None if FastAPI's code must read the body."""
    if len(bodies) != 1 or bodies[0] not in route.dependant.body_params or route._embed_body_fields:  # noqa: SLF001
        return None
    info = bodies[0].field_info
    is_json = not isinstance(info, params.Form) and getattr(info, "media_type", "") == "application/json"
    return bodies[0] if is_json and info.annotation not in (bytes, str) else None
