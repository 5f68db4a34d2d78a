"""Dependencies with `yield`: when they exit."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from tests.conf.fastapi.base import EVENTS, Call, case, expose


@case("A dependency exits after the route", Call("GET", "/"), Call("GET", "/async/"), EVENTS)
def around(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def session() -> Iterator[str]:
        events.append("open")
        try:
            yield "session"
        finally:
            events.append("close")

    async def async_session() -> AsyncIterator[str]:
        events.append("async open")
        try:
            yield "async session"
        finally:
            events.append("async close")

    @router.get("/")
    def read(a: Annotated[str, Depends(session)], b: Annotated[str, Depends(async_session)]) -> list[str]:
        events.append("route")
        return [a, b]

    @router.get("/async/")
    async def read_async(a: Annotated[str, Depends(session)], b: Annotated[str, Depends(async_session)]) -> list[str]:
        events.append("async route")
        return [a, b]

    expose(router, events)


@case("Three dependencies exit in reverse order", Call("GET", "/"), EVENTS)
def three(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def a() -> Iterator[str]:
        events.append("a begins")
        yield "a"
        events.append("a ends")

    async def b(a: Annotated[str, Depends(a)]) -> AsyncIterator[str]:
        events.append(f"b begins with {a}")
        yield "b"
        events.append(f"b ends with {a}")

    def c(b: Annotated[str, Depends(b)]) -> Iterator[str]:
        events.append(f"c begins with {b}")
        yield "c"
        events.append(f"c ends with {b}")

    @router.get("/", dependencies=[Depends(a)])
    def read(c: Annotated[str, Depends(c)], a: Annotated[str, Depends(a)]) -> list[str]:
        events.append("route")
        return [a, c]

    expose(router, events)


@case(
    "A dependency exits before or after the response, by its scope",
    Call("GET", "/function/"),
    Call("GET", "/request/"),
    Call("GET", "/default/"),
    EVENTS,
)
def scopes(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def session() -> Iterator[str]:
        events.append("open")
        yield "session"
        events.append("close")

    def rows() -> Iterator[str]:
        events.append("sending")
        yield "row"
        events.append("sent")

    @router.get("/function/")
    def read_function(name: Annotated[str, Depends(session, scope="function")]) -> StreamingResponse:
        return StreamingResponse(rows())

    @router.get("/request/")
    def read_request(name: Annotated[str, Depends(session, scope="request")]) -> StreamingResponse:
        return StreamingResponse(rows())

    @router.get("/default/")
    def read_default(name: Annotated[str, Depends(session)]) -> StreamingResponse:
        return StreamingResponse(rows())

    expose(router, events)


@case("Both scopes in one route", Call("GET", "/"), EVENTS)
def both_scopes(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def long() -> Iterator[str]:
        events.append("long opens")
        yield "long"
        events.append("long closes")

    def short(long: Annotated[str, Depends(long, scope="request")]) -> Iterator[str]:
        events.append("short opens")
        yield f"short in {long}"
        events.append("short closes")

    @router.get("/")
    def read(name: Annotated[str, Depends(short, scope="function")], tasks: BackgroundTasks) -> str:
        tasks.add_task(events.append, "task")
        return name

    expose(router, events)


@case("A yielded value is cached, unless use_cache=False", Call("GET", "/"), EVENTS)
def cached(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def session() -> Iterator[int]:
        events.append("open")
        yield len(events)
        events.append("close")

    def below(n: Annotated[int, Depends(session)]) -> int:
        return n

    @router.get("/")
    def read(
        a: Annotated[int, Depends(session)],
        b: Annotated[int, Depends(below)],
        c: Annotated[int, Depends(session, use_cache=False)],
    ) -> list[int]:
        return [a, b, c]

    expose(router, events)


@case("The return value is read before the dependency exits", Call("GET", "/"), EVENTS)
def lazy_attributes(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    class Row:
        @property
        def name(self) -> str:
            events.append("read")
            return "lazy"

    class Named(BaseModel):
        name: str

    def session() -> Iterator[Row]:
        yield Row()
        events.append("close")

    @router.get("/", response_model=Named)
    def read(row: Annotated[Row, Depends(session)]) -> Any:
        return row

    expose(router, events)
