"""FastAPI's documented features work on our router: small apps from its documentation, on a plain router and on ours.

Each app gives the same responses on both, or is refused when its routes are declared. Our responses may have additional
headers.
"""

import asyncio
import functools
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from httpx import ASGITransport, AsyncClient, Response

from conf import errors
from conf.http import index, problems
from conf.http.arguments import NotSupported
from conf.http.route import Router
from tests.conf.fastapi.cases import CASES, Case

OURS = {"etag", "vary", "cache-control"}
"""Headers that our routes add."""
REFUSED = {case.name: "Use `file: Upload`" for case in CASES if case.uploads}
"""Cases that are refused: name → a part of the error message."""
DIFFERENT = {
    "A body is larger than the route allows": "A body that is too large gets an error response like any other",
    "The content type of the body": "Another `Content-Type` than JSON or protobuf is 415",
    "One route with several methods, and one function at several paths": "`OPTIONS` is answered",
}
"""Cases with different responses: name → a quotation from docs/how-to/fastapi.md that says so."""


def build(case: Case, router: APIRouter, *, indexed: bool) -> FastAPI:
    app = case.app()
    if isinstance(router, Router):
        app.add_exception_handler(errors.CampusError, problems.error_response)
    case.build(app, router)
    if not case.includes:
        app.include_router(router)
    if indexed:
        index.install(app)
    return app


def run(case: Case, router: APIRouter, *, indexed: bool = False) -> list[Response]:
    app = build(case, router, indexed=indexed)

    async def send_all() -> list[Response]:
        transport = ASGITransport(app, raise_app_exceptions=False, client=("testclient", 50000))
        async with AsyncClient(transport=transport, base_url="http://testserver") as client:
            return [await client.request(call.method, call.path, **call.options()) for call in case.calls]

    return asyncio.run(asyncio.wait_for(send_all(), 5))


@functools.cache
def plain(name: str) -> list[dict[str, Any]]:
    """Return the responses of FastAPI's own router."""
    case = next(case for case in CASES if case.name == name)
    return [content_of(response) for response in run(case, APIRouter())]


def content_of(response: Response) -> dict[str, Any]:
    """Return the parts of the response that must be equal on both routers."""
    body: Any = response.content or None
    if "json" in response.headers.get("content-type", "") and "jsonl" not in response.headers["content-type"]:
        body = body and json.loads(body)
    if response.status_code >= 500 or response.status_code in (404, 405):
        body = None
    ignored = {"content-length"} if response.content else {"content-length", "content-type"}
    if response.status_code == 405:
        ignored.add("allow")
    headers = sorted((name, value) for name, value in response.headers.multi_items() if name not in ignored)
    return {"status": response.status_code, "body": body, "headers": headers}


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "without the index"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.topic}: {case.name}")
def test_a_feature_works_as_documented_or_is_refused(case: Case, indexed: bool) -> None:
    if case.name in REFUSED:
        with pytest.raises(NotSupported, match=REFUSED[case.name]):
            run(case, Router(), indexed=indexed)
        return
    ours = [content_of(response) for response in run(case, Router(), indexed=indexed)]
    found = differences(case, ours)
    if case.name not in DIFFERENT:
        assert not found
    elif indexed:
        assert found, "the responses are equal now: remove the case from DIFFERENT"


def differences(case: Case, ours: list[dict[str, Any]]) -> list[str]:
    found = []
    for call, one, other in zip(case.calls, plain(case.name), ours, strict=True):
        names = {name for name, _ in one["headers"]}
        other["headers"] = [pair for pair in other["headers"] if pair[0] in names or pair[0] not in OURS]
        if other != one:
            found.append(f"{call.method} {call.path}: {one} became {other}")
    return found


def test_the_documentation_describes_every_difference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "fastapi.md").read_text()
    for words in DIFFERENT.values():
        assert words in page
