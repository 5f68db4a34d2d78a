"""Classes of responses."""

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from pydantic import BaseModel

from tests.conf.fastapi.base import Call, case


class Item(BaseModel):
    name: str


class LoudResponse(JSONResponse):
    media_type = "application/loud+json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, indent=1).upper().encode()


class LineResponse(Response):
    media_type = "text/x-line"

    def render(self, content: Any) -> bytes:
        return b"line: " + str(content).encode()


@case(
    "A Response is returned",
    Call("GET", "/json/", status=201),
    Call("GET", "/xml/"),
    Call("GET", "/cookie/"),
    Call("GET", "/empty/", status=204),
    Call("GET", "/async/", status=202),
)
def direct(app: FastAPI, router: APIRouter) -> None:
    @router.get("/json/")
    def read_json() -> Any:
        return JSONResponse({"a": "é"}, status_code=201, headers={"X-A": "b"})

    @router.get("/xml/")
    def read_xml():  # type: ignore[no-untyped-def]
        return Response(content="<a>é</a>", media_type="application/xml")

    @router.get("/cookie/", status_code=418)
    def read_cookie() -> Response:
        response = JSONResponse({"message": "the decorator's status is not taken"})
        response.set_cookie("a", "b")
        return response

    @router.get("/empty/")
    def read_empty() -> Response:
        return Response(status_code=204)

    @router.get("/async/")
    async def read_async() -> Any:
        return PlainTextResponse("x", status_code=202)


@case(
    "response_class",
    *(Call("GET", f"/{kind}/") for kind in ("html", "text", "loud", "line", "file", "json", "async")),
    Call("GET", "/redirect/", status=307),
    Call("GET", "/see-other/", status=303),
)
def response_class(app: FastAPI, router: APIRouter) -> None:
    @router.get("/html/", response_class=HTMLResponse)
    def read_html() -> str:
        return "<h1>é</h1>"

    @router.get("/text/", response_class=PlainTextResponse)
    def read_text() -> str:
        return "Hello"

    @router.get("/loud/", response_class=LoudResponse)
    def read_loud() -> Item:
        return Item(name="small")

    @router.get("/line/", response_class=LineResponse)
    def read_line():  # type: ignore[no-untyped-def]
        return {"a": 1}

    @router.get("/file/", response_class=FileResponse)
    def read_file() -> str:
        return str(Path(__file__).with_name("__init__.py"))

    @router.get("/json/", response_class=JSONResponse)
    def read_json() -> dict[str, Item]:
        return {"é": Item(name="a")}

    @router.get("/async/", response_class=HTMLResponse)
    async def read_async() -> str:
        return "<p>"

    @router.get("/redirect/", response_class=RedirectResponse)
    def go() -> str:
        return "/html/"

    @router.get("/see-other/", response_class=RedirectResponse, status_code=303)
    async def go_async() -> str:
        return "/html/"


@case(
    "Files, redirects and streams are returned",
    Call("GET", "/file/"),
    Call("GET", "/file/", headers={"range": "bytes=0-3"}, status=206),
    Call("GET", "/download/"),
    Call("GET", "/redirect/", status=301),
    Call("GET", "/stream/"),
)
def direct_classes(app: FastAPI, router: APIRouter) -> None:
    @router.get("/file/")
    def read_file() -> FileResponse:
        return FileResponse(Path(__file__).with_name("__init__.py"))

    @router.get("/download/")
    async def download() -> FileResponse:
        return FileResponse(Path(__file__).with_name("__init__.py"), filename="a b.py", media_type="text/x-python")

    @router.get("/redirect/")
    def go() -> RedirectResponse:
        return RedirectResponse("/file/", status_code=301)

    @router.get("/stream/")
    def stream() -> StreamingResponse:
        return StreamingResponse((f"{n}," for n in range(3)), media_type="text/csv", headers={"x-rows": "3"})


@case("A router has a default response class", Call("GET", "/in/"), Call("GET", "/in/own/"), includes=True)
def default_class(app: FastAPI, router: APIRouter) -> None:
    loud = type(router)(default_response_class=LoudResponse)

    @loud.get("/")
    def read() -> dict[str, str]:
        return {"a": "small"}

    @loud.get("/own/", response_class=PlainTextResponse)
    def read_own() -> str:
        return "small"

    app.include_router(loud, prefix="/in")


@case(
    "The app has a default response class",
    Call("GET", "/"),
    Call("GET", "/direct/"),
    app=lambda: FastAPI(default_response_class=LoudResponse),
)
def app_default_class(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read() -> dict[str, str]:
        return {"a": "small"}

    @router.get("/direct/")
    def read_direct() -> Response:
        return JSONResponse({"a": "small"})
