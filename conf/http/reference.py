"""The API reference of each version: `/api/v2/openapi.json`, and `/api/v2/docs` as a page.

The document of a version has the routes that a client of that version uses: its own, and those of earlier versions that
it does not replace. This module adds what all routes have in common: formats, errors, headers, examples.
"""

import functools
import http
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Request, Response
from fastapi.datastructures import DefaultPlaceholder
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.security.base import SecurityBase
from fastapi.staticfiles import StaticFiles
from pydantic import TypeAdapter
from pydantic_core import to_json

from conf.errors import NotFound
from conf.http import conditional, limits, problems
from conf.http.access import PUBLIC
from conf.http.conditional import if_match, needs_if_match
from conf.http.examples import add_examples
from conf.http.handler import VARY, Handler
from conf.http.idempotency import helpers as idempotency
from conf.http.index import handlers
from conf.http.route import Router
from conf.http.wire.formats import BOTH, Format
from conf.http.wire.shapes import message_of
from conf.settings import get_settings

TITLE = "Campus"
SUMMARY = "The backend of a campus behind one versioned API"
EXAMPLE_URL = b"https://campus.example"
"""In the examples of the document. It is served with the address of this Campus."""
INTRODUCTION = Path(__file__).with_name("introduction.md")
STATIC = "/docs/static"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REF = "#/components/schemas/{model}"

router = Router("", tags=["reference"])


@router.get("/docs", include_in_schema=False, dependencies=[PUBLIC])
@router.get("/openapi.json", include_in_schema=False, dependencies=[PUBLIC])
async def newest_reference(request: Request) -> RedirectResponse:
    """Redirect to the reference of the newest version."""
    page = request.url.path.rstrip("/").rpartition("/")[2]
    return RedirectResponse(f"/api/v{max(versions(handlers(request.app)))}/{page}")


@router.get("/api/v{version}/openapi.json", include_in_schema=False, dependencies=[PUBLIC])
async def openapi(version: str, request: Request) -> Response:
    """Return the OpenAPI 3.1 document of a version."""
    _assert_there(version, request)
    response = Response(_as_json(request.app, int(version)), media_type="application/json")
    response = conditional.finish(response, None, request.scope)
    response.raw_headers.append(VARY)
    return response


@router.get("/api/v{version}/docs", include_in_schema=False, dependencies=[PUBLIC])
async def docs(version: str, request: Request) -> HTMLResponse:
    """Return the reference as a page (Swagger UI)."""
    _assert_there(version, request)
    page = get_swagger_ui_html(
        openapi_url=f"/api/v{version}/openapi.json",
        title=f"{TITLE} v{version}",
        swagger_js_url=f"{STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{STATIC}/favicon.png",
    )
    links = " ".join(
        f"<b>v{v}</b>" if str(v) == version else f'<a href="/api/v{v}/docs">v{v}</a>'
        for v in sorted(versions(handlers(request.app)))
    )
    nav = f'<body><nav style="font: 16px sans-serif; padding: 1rem">{TITLE}: {links}</nav>'
    html = bytes(page.body).decode().replace("<body>", nav, 1)
    return HTMLResponse(html, headers={"Content-Security-Policy": PAGE_POLICY})


def _assert_there(version: str, request: Request) -> None:
    if version not in {str(v) for v in versions(handlers(request.app))}:
        raise NotFound("version", version)


@functools.lru_cache(maxsize=16)
def _as_json(app: FastAPI, version: int) -> bytes:
    content = to_json(document(handlers(app), version))
    return content.replace(EXAMPLE_URL, get_settings().public_url.encode())


def install(app: FastAPI) -> None:
    app.mount(STATIC, StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static"))


def versions(routes: Sequence[Handler]) -> set[int]:
    return {version for handler in routes if (version := version_of(handler.path))}


def version_of(path: str) -> int:
    """Return 2 for `/api/v2/videos/`, and 0 for a path without a version."""
    found = re.match(r"/api/v(\d+)/", path)
    return int(found[1]) if found else 0


def routes_of(routes: Sequence[Handler], version: int) -> Iterator[Handler]:
    """Yield the routes that a client of that version uses."""
    for handler in routes:
        if handler.route.include_in_schema and version_of(handler.path) <= version:
            replaced = handler.successor is not None and version_of(handler.successor.path) <= version
            if not replaced:
                yield handler


def document(routes: Sequence[Handler], version: int) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a version."""
    documented = list(routes_of(routes, version))
    spec = get_openapi(
        title=TITLE,
        summary=SUMMARY,
        description=INTRODUCTION.read_text(),
        version=str(version),
        routes=[handler.context for handler in documented],
        tags=_tags(documented),
    )
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own errors
        schemas.pop(name, None)
    problem = TypeAdapter(problems.Problem).json_schema(ref_template=_REF)
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for handler in documented:
        for method in handler.methods:
            _complete(spec["paths"][handler.route.path_format][method.lower()], handler)
    add_examples(spec)
    return spec


def _tags(documented: Sequence[Handler]) -> list[dict[str, str]]:
    """Each tag, described by the docstring of the module with its routes; of the newest version, if there are more."""
    described: dict[str, str] = {}
    for handler in sorted(documented, key=lambda handler: (not version_of(handler.path), version_of(handler.path))):
        text = sys.modules[handler.endpoint.__module__].__doc__ or ""
        described |= dict.fromkeys(handler.route.tags, " ".join(text.split()))
    return [{"name": name, "description": text} for name, text in described.items()]


def _complete(operation: dict[str, Any], handler: Handler) -> None:
    """Add to an operation what the handler does for every route."""
    if handler.formats == BOTH:
        _add_protobuf(operation, handler)
    if handler.response_type is not None:
        _add_headers(operation, handler)
    if _may_be_anonymous(handler):
        operation["security"] = [{}, *operation["security"]]
    if needs_if_match in (dependant.call for dependant in handler.dependants):
        (one,) = [one for one in operation["parameters"] if one["name"] == "If-Match"]
        one |= {"required": True, "schema": {"type": "string"}}
    if handler.accepts_idempotency_key:
        operation.setdefault("parameters", []).append(
            {
                "name": idempotency.HEADER,
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 200},
                "description": "A UUID of your own. A second request with it within 24 hours is not carried out again:"
                " it gets the response of the first.",
            }
        )
    _add_refusals(operation, handler)


def _add_protobuf(operation: dict[str, Any], handler: Handler) -> None:
    places = [(handler.body_type, operation.get("requestBody"))]
    places.append((handler.response_type, operation["responses"][str(handler.route.status_code or 200)]))
    for kind, place in places:
        if kind is not None and place is not None:
            message = message_of(kind)
            what = f"campus.{message.package}.{message.name}, of {message.package.replace('.', '/')}/wire.proto"
            schema = {"type": "string", "format": "binary", "description": what}
            place["content"][Format.PROTOBUF.value] = {"schema": schema}


def _add_headers(operation: dict[str, Any], handler: Handler) -> None:
    status = str(handler.route.status_code or 200)
    headers = ["ETag"] if handler.methods == {"GET"} or "updated_at" in _fields(handler.response_type) else []
    headers += ["Location"] if status == "201" else []
    headers += ["Link"] if "next" in _fields(handler.response_type) else []
    operation["responses"][status]["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    if handler.methods == {"GET"}:
        operation["responses"]["304"] = {"description": "Not changed since the response with the ETag in If-None-Match"}


def _add_refusals(operation: dict[str, Any], handler: Handler) -> None:
    declared = {str(status) for status in handler.route.responses if str(status).startswith("4")}
    for status in sorted(declared | {str(status) for status in _refusals(handler)}):
        phrase = operation["responses"].get(status, {}).get("description")
        if phrase in (None, "Validation Error", http.HTTPStatus(int(status)).phrase):
            phrase = _PHRASES[int(status)]
        own = operation["responses"].get(status, {}).get("content", {}) if status in declared else {}
        if _is_problem(handler, status):
            content = {"application/problem+json": next(iter(own.values()))}
        else:
            content = own | _PROBLEM
        operation["responses"][status] = {"description": phrase, "content": content}
    if handler.response_type is None and isinstance(handler.route.response_class, DefaultPlaceholder):
        operation["responses"][str(handler.route.status_code or 200)].pop("content", None)
    operation["responses"]["5XX"] = {"description": _PHRASES[500], "content": _PROBLEM}


def _fields(kind: Any) -> set[str]:
    return set(getattr(kind, "model_fields", ()))


def _is_problem(handler: Handler, status: str) -> bool:
    """Whether the route declares `Problem`, or a subclass of it, for the status."""
    responses = handler.route.responses.items()
    model = next((response.get("model") for code, response in responses if str(code) == status), None)
    return isinstance(model, type) and issubclass(model, problems.Problem)


def _may_be_anonymous(handler: Handler) -> bool:
    """Whether the route reads the token if there is one, and does not need one."""
    calls = [dependant.call for dependant in handler.dependants]
    return any(isinstance(c, SecurityBase) for c in calls) and not any(hasattr(c, "requires_sign_in") for c in calls)


_PHRASES = {
    400: "The body cannot be parsed",
    401: "No token, or an invalid or expired one: sign in",
    403: "The caller lacks the permission",
    404: "It does not exist, or the caller may not see it",
    406: "The API has none of the formats in Accept",
    409: "Conflict with the present state; `detail` says why",
    412: "It has changed since the version in If-Match",
    413: "The body is too large",
    415: "The Content-Type is not accepted",
    422: "Invalid values: `errors` names the fields",
    428: "The header If-Match is missing",
    429: "Too many requests: wait for the seconds in Retry-After",
    500: "An error of the server; if there is a Retry-After, try again after so many seconds",
}


def _refusals(handler: Handler) -> Iterator[int]:
    """Yield the error statuses that follow from the route's parameters and dependencies."""
    dependants = handler.dependants
    calls = [dependant.call for dependant in dependants]
    secured = any(isinstance(call, SecurityBase) for call in calls)
    if handler.response_type is not None:
        yield 406
    if any(d.path_params or d.query_params or d.header_params for d in dependants) or handler.body_type:
        yield 422
    if handler.body_type or "requestBody" in (handler.route.openapi_extra or {}):
        yield from (400, 413, 415, 422)
    if handler.route.dependant.path_params:
        yield 404
    if secured:
        yield from (401, 403)
    if handler.methods != {"GET"}:
        yield 409
    if if_match in calls or needs_if_match in calls:
        yield 412
    if needs_if_match in calls:
        yield 428
    if handler.accepts_idempotency_key:
        yield 422
    if any(getattr(call, "__module__", "") == limits.__name__ for call in calls):
        yield 429
