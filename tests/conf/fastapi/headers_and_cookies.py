"""Header and cookie parameters."""

from typing import Annotated

from fastapi import APIRouter, Cookie, FastAPI, Header
from pydantic import BaseModel

from tests.conf.fastapi.base import Call, case


class CommonHeaders(BaseModel):
    host: str
    save_data: bool
    if_modified_since: str | None = None
    x_tag: list[str] = []


class StrictCookies(BaseModel):
    model_config = {"extra": "forbid"}

    session_id: str
    tracker: int | None = None


class ForbiddingHeaders(BaseModel):
    model_config = {"extra": "forbid"}

    x_only: str


@case("A header is read", Call("GET", "/agent/", headers={"User-Agent": "hand"}), Call("GET", "/other/"))
def header_plain(app: FastAPI, router: APIRouter) -> None:
    @router.get("/agent/")
    def read(user_agent: Annotated[str | None, Header()] = None) -> dict[str, str | None]:
        return {"agent": user_agent}

    @router.get("/other/")
    def read_other(x_other: Annotated[str | None, Header()] = None) -> dict[str, str | None]:
        return {"other": x_other}


@case(
    "A header is required and is a number",
    Call("GET", "/", headers={"x-count": "3"}),
    Call("GET", "/", headers={"x-count": "three"}, status=422),
    Call("GET", "/", status=422),
)
def header_required(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(x_count: Annotated[int, Header(ge=1)]) -> int:
        return x_count


@case(
    "Underscores of a header are kept",
    Call("GET", "/", headers={"strange_header": "a"}),
    Call("GET", "/", headers={"strange-header": "a"}),
)
def header_underscores(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(
        strange_header: Annotated[str | None, Header(convert_underscores=False)] = None,
    ) -> dict[str, str | None]:
        return {"strange": strange_header}


@case(
    "A header is sent twice",
    Call("GET", "/list/", headers=[("X-Token", "foo"), ("x-token", "bar")]),
    Call("GET", "/list/"),
    Call("GET", "/one/", headers=[("X-Token", "foo"), ("x-token", "bar")]),
)
def header_duplicates(app: FastAPI, router: APIRouter) -> None:
    @router.get("/list/")
    def read_list(x_token: Annotated[list[str] | None, Header()] = None) -> dict[str, object]:
        return {"tokens": x_token}

    @router.get("/one/")
    def read_one(x_token: Annotated[str, Header()]) -> str:
        return x_token


@case("A header has an alias", Call("GET", "/", headers={"X-Trace": "abc"}), Call("GET", "/", status=422))
def header_alias(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(trace: Annotated[str, Header(alias="X-Trace", max_length=5)]) -> str:
        return trace


@case(
    "A model holds the headers",
    Call("GET", "/", headers=[("save-data", "true"), ("x-tag", "a"), ("x-tag", "b")]),
    Call("GET", "/", status=422),
)
def header_model(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(headers: Annotated[CommonHeaders, Header()]) -> CommonHeaders:
        return headers


@case(
    "A model of headers keeps its underscores",
    Call("GET", "/", headers={"save_data": "1"}),
    Call("GET", "/", headers={"save-data": "1"}, status=422),
)
def header_model_underscores(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(headers: Annotated[CommonHeaders, Header(convert_underscores=False)]) -> CommonHeaders:
        return headers


@case("A model of headers forbids other headers", Call("GET", "/", headers={"x-only": "1"}, status=422))
def header_model_forbid(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(headers: Annotated[ForbiddingHeaders, Header()]) -> ForbiddingHeaders:
        return headers


@case(
    "A cookie is read",
    Call("GET", "/", cookies={"ads_id": "7", "other": "x"}),
    Call("GET", "/"),
    Call("GET", "/needed/", status=422),
    Call("GET", "/needed/", cookies={"count": "two"}, status=422),
    Call("GET", "/needed/", cookies={"count": "2"}),
)
def cookie_plain(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(ads_id: Annotated[str | None, Cookie()] = None) -> dict[str, str | None]:
        return {"ads": ads_id}

    @router.get("/needed/")
    def read_needed(count: Annotated[int, Cookie()]) -> int:
        return count


@case(
    "A model holds the cookies and forbids other cookies",
    Call("GET", "/", cookies={"session_id": "abc", "tracker": "4"}),
    Call("GET", "/", cookies={"session_id": "abc", "santa": "x"}, status=422),
    Call("GET", "/", status=422),
)
def cookie_model(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(cookies: Annotated[StrictCookies, Cookie()]) -> StrictCookies:
        return cookies


@case("An async route with a header and a cookie", Call("GET", "/", headers={"x-a": "1"}, cookies={"b": "2"}))
def header_async(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    async def read(x_a: Annotated[int, Header()], b: Annotated[int, Cookie()]) -> list[int]:
        return [x_a, b]


@case(
    "The errors of path, query, header, cookie and body are in one response",
    Call("POST", "/rows/x?q=y", json={"name": 1}, headers={"x-n": "n"}, cookies={"c": "d"}, status=422),
    Call("POST", "/rows/1", json={"name": "a"}, status=422),
    Call("POST", "/rows/1?q=2", json={"name": "a"}, headers={"x-n": "3"}, cookies={"c": "4"}),
)
def faults_together(app: FastAPI, router: APIRouter) -> None:
    class Row(BaseModel):
        name: str

    @router.post("/rows/{row_id}")
    def create(
        row_id: int, q: int, x_n: Annotated[int, Header()], c: Annotated[int, Cookie()], row: Row
    ) -> dict[str, object]:
        return {"row_id": row_id, "q": q, "x_n": x_n, "c": c, "row": row}
