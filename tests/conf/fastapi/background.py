"""Background tasks."""

import asyncio
from collections.abc import Iterator
from typing import Annotated

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    HTTPException,
    Response,
)
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask

from tests.conf.fastapi.base import EVENTS, Call, case, expose


@case(
    "A route adds tasks, which run in order after it",
    Call("POST", "/send/ann", status=202),
    Call("POST", "/async/bob"),
    EVENTS,
)
def from_route(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def write(email: str, message: str = "") -> None:
        events.append(f"to {email}: {message}")

    async def write_async(email: str) -> None:
        await asyncio.sleep(0)
        events.append(f"async to {email}")

    @router.post("/send/{email}", status_code=202)
    def send(email: str, tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add_task(write, email, message="hello")
        tasks.add_task(write_async, email)
        events.append("route")
        return {"message": "sent"}

    @router.post("/async/{email}")
    async def send_async(email: str, tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add_task(write, email)
        events.append("async route")
        return {"message": "sent"}

    expose(router, events)


@case("A dependency and the route add tasks", Call("POST", "/?q=x"), Call("POST", "/decorator/?q=y"), EVENTS)
def from_dependency(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def log(tasks: BackgroundTasks, q: str | None = None) -> str | None:
        if q:
            tasks.add_task(events.append, f"query {q}")
        return q

    async def log_async(tasks: BackgroundTasks) -> None:
        tasks.add_task(events.append, "async dependency")

    @router.post("/")
    def send(
        tasks: BackgroundTasks, q: Annotated[str | None, Depends(log)], b: Annotated[None, Depends(log_async)]
    ) -> str:
        tasks.add_task(events.append, "route")
        return "sent"

    @router.post("/decorator/", dependencies=[Depends(log)])
    def send_decorated() -> str:
        return "sent"

    expose(router, events)


@case("Tasks run after the response is sent, before the dependency exits", Call("GET", "/"), EVENTS)
def after_response(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def session() -> Iterator[str]:
        events.append("open")
        yield "session"
        events.append("close")

    def rows() -> Iterator[str]:
        events.append("sending")
        yield "row"
        events.append("sent")

    @router.get("/")
    def read(name: Annotated[str, Depends(session)], tasks: BackgroundTasks) -> StreamingResponse:
        tasks.add_task(events.append, "task")
        return StreamingResponse(rows())

    expose(router, events)


@case("Tasks of a request that failed do not run", Call("GET", "/", status=400), EVENTS)
def not_after_error(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    @router.get("/")
    def read(tasks: BackgroundTasks) -> None:
        tasks.add_task(events.append, "task")
        raise HTTPException(400, "Bad")

    expose(router, events)


@case("Tasks with a returned Response", Call("GET", "/without/"), Call("GET", "/with/"), EVENTS)
def with_response(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    @router.get("/without/")
    def read_without(tasks: BackgroundTasks) -> Response:
        tasks.add_task(events.append, "parameter's task")
        return JSONResponse({})

    @router.get("/with/")
    def read_with(tasks: BackgroundTasks) -> Response:
        tasks.add_task(events.append, "lost: the response has its own")
        return JSONResponse({}, background=BackgroundTask(events.append, "response's task"))

    expose(router, events)


@case("A failing task prevents the tasks after it", Call("GET", "/"), EVENTS)
def failing_task(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def fail() -> None:
        events.append("failing")
        raise ValueError("x")

    @router.get("/")
    def read(tasks: BackgroundTasks) -> str:
        tasks.add_task(fail)
        tasks.add_task(events.append, "after")
        return "sent"

    expose(router, events)
