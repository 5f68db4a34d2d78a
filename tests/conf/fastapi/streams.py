"""Streams: streaming responses, and routes with `yield`."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from tests.conf.fastapi.base import EVENTS, Call, case, expose


class Item(BaseModel):
    name: str
    note: str | None = None


class Secret(Item):
    secret: str = "s"


ITEMS = [Item(name="Plumbus"), Item(name="Portal", note="é")]


@case("An async route returns a stream", Call("GET", "/"), Call("GET", "/lines/"))
def returned(app: FastAPI, router: APIRouter) -> None:
    async def numbers() -> AsyncIterator[bytes]:
        for n in range(3):
            await anyio.lowlevel.checkpoint()
            yield f"{n};".encode()

    @router.get("/")
    async def read() -> StreamingResponse:
        return StreamingResponse(numbers(), media_type="text/plain")

    @router.get("/lines/")
    def read_lines() -> StreamingResponse:
        return StreamingResponse(iter(["a\n", "b\n"]), status_code=200, headers={"x-a": "b"})


@case("An async route awaits", Call("GET", "/?n=3"))
def awaiting(app: FastAPI, router: APIRouter) -> None:
    async def twice(n: int) -> int:
        await anyio.lowlevel.checkpoint()
        return 2 * n

    @router.get("/")
    async def read(n: int) -> int:
        return await twice(n)


@case("An async route has dependencies of all kinds", Call("GET", "/?q=x"), Call("GET", "/", status=422), EVENTS)
def async_dependencies(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def plain(q: str) -> str:
        return q

    async def awaited(q: Annotated[str, Depends(plain)]) -> str:
        return q * 2

    def yielded(q: Annotated[str, Depends(awaited)]) -> Iterator[str]:
        yield q * 2
        events.append("end")

    @router.get("/")
    async def read(q: Annotated[str, Depends(yielded)]) -> str:
        events.append("route")
        return q

    expose(router, events)


@case(
    "Routes that yield JSON lines",
    *(Call("GET", f"/{kind}/") for kind in ("def", "async", "untyped", "async-untyped", "filtered", "empty")),
)
def json_lines(app: FastAPI, router: APIRouter) -> None:
    @router.get("/def/")
    def stream() -> Iterable[Item]:
        yield from ITEMS

    @router.get("/async/")
    async def stream_async() -> AsyncIterable[Item]:
        for item in ITEMS:
            yield item

    @router.get("/untyped/")
    def stream_untyped():  # type: ignore[no-untyped-def]
        yield {"a": 1}
        yield [1, "é"]
        yield "text"

    @router.get("/async-untyped/")
    async def stream_async_untyped():  # type: ignore[no-untyped-def]
        yield ITEMS[0]

    @router.get("/filtered/")
    def stream_filtered() -> Iterator[Item]:
        yield Secret(name="x")

    @router.get("/empty/")
    def stream_empty() -> Iterator[Item]:
        yield from ()


@case(
    "JSON lines with parameters, dependencies, status, headers and a guard",
    Call("POST", "/?n=2", json={"name": "a"}, status=201),
    Call("POST", "/?n=x", json={}, status=422),
    Call("POST", "/?n=0", json={"name": "a"}, status=403),
    EVENTS,
)
def json_lines_whole(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def session(n: int, response: Response) -> Iterator[int]:
        if n == 0:
            raise HTTPException(403, "None")
        response.headers["x-count"] = str(n)
        events.append("open")
        yield n
        events.append("close")

    @router.post("/", status_code=201)
    def stream(item: Item, n: Annotated[int, Depends(session)]) -> Iterable[Item]:
        for _ in range(n):
            events.append("row")
            yield item

    expose(router, events)


@case(
    "Routes that yield server-sent events",
    *(Call("GET", f"/{kind}/") for kind in ("def", "async", "events", "raw", "untyped")),
    Call("POST", "/posted/", json={"name": "a"}),
)
def server_sent_events(app: FastAPI, router: APIRouter) -> None:
    @router.get("/def/", response_class=EventSourceResponse)
    def stream() -> Iterable[Item]:
        yield from ITEMS

    @router.get("/async/", response_class=EventSourceResponse)
    async def stream_async() -> AsyncIterable[Item]:
        for item in ITEMS:
            yield item

    @router.get("/events/", response_class=EventSourceResponse)
    async def stream_events() -> AsyncIterable[ServerSentEvent]:
        yield ServerSentEvent(comment="begins")
        for number, item in enumerate(ITEMS):
            yield ServerSentEvent(data=item, event="item", id=str(number), retry=5000)

    @router.get("/raw/", response_class=EventSourceResponse)
    def stream_raw() -> Iterable[ServerSentEvent]:
        yield ServerSentEvent(raw_data="line one\nline two", event="log")

    @router.get("/untyped/", response_class=EventSourceResponse)
    def stream_untyped():  # type: ignore[no-untyped-def]
        yield "text"
        yield {"a": None}

    @router.post("/posted/", response_class=EventSourceResponse)
    def stream_posted(item: Item) -> Iterable[Item]:
        yield item


@case(
    "Server-sent events resume after Last-Event-ID",
    Call("GET", "/", headers={"last-event-id": "0"}),
    Call("GET", "/", headers={"last-event-id": "x"}, status=422),
    EVENTS,
)
def last_event_id(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def session() -> Iterator[str]:
        events.append("open")
        yield "session"
        events.append("close")

    @router.get("/", response_class=EventSourceResponse, dependencies=[Depends(session)])
    def stream(last_event_id: Annotated[int, Header()] = -1) -> Iterable[ServerSentEvent]:
        for number, item in enumerate(ITEMS):
            if number > last_event_id:
                events.append(f"item {number}")
                yield ServerSentEvent(data=item, id=str(number))

    expose(router, events)


class PngResponse(StreamingResponse):
    media_type = "image/png"


@case(
    "Routes that yield text and bytes to a streaming response class",
    *(Call("GET", f"/{kind}/") for kind in ("def", "async", "png", "bytes")),
)
def raw_streams(app: FastAPI, router: APIRouter) -> None:
    @router.get("/def/", response_class=StreamingResponse)
    def stream() -> Iterable[str]:
        yield "a"
        yield "é"

    @router.get("/async/", response_class=StreamingResponse)
    async def stream_async() -> AsyncIterable[str]:
        yield "a"
        yield "b"

    def size(response: Response) -> None:
        response.headers["x-size"] = "2"

    @router.get("/png/", response_class=PngResponse, dependencies=[Depends(size)])
    def stream_png() -> Iterable[bytes]:
        yield b"\x89P"

    @router.get("/bytes/", response_class=StreamingResponse)
    def stream_bytes():  # type: ignore[no-untyped-def]
        yield b"a"
        yield b"b"


@case("A streamed response uses a dependency that exits after it", Call("GET", "/"), Call("GET", "/early/"), EVENTS)
def session_of_stream(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def session() -> Iterator[str]:
        events.append("open")
        yield "session"
        events.append("close")

    def rows(name: str) -> Iterator[str]:
        for n in range(2):
            events.append(f"row {n}")
            yield f"{name} {n}\n"

    @router.get("/", response_class=StreamingResponse)
    def read(name: Annotated[str, Depends(session)]) -> Iterable[str]:
        yield from rows(name)

    @router.get("/early/")
    def read_early(name: Annotated[str, Depends(session, scope="function")]) -> Any:
        return StreamingResponse(rows(name))

    expose(router, events)
