"""Dependencies: guards, context variables and special parameters."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Annotated, Any

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    HTTPException,
    Request,
    Response,
)

from tests.conf.fastapi.base import EVENTS, Call, case, expose

KINDS = ("function", "async", "yield", "async-yield", "instance", "async-instance", "class", "partial")


def check(key: str) -> None:
    if key != "good":
        raise HTTPException(403, "No", headers={"x-why": "key"})


def guard(key: str = "") -> None:
    check(key)


async def async_guard(key: str = "") -> None:
    check(key)


def yielding_guard(key: str = "") -> Iterator[None]:
    check(key)
    yield


async def async_yielding_guard(key: str = "") -> AsyncIterator[None]:
    check(key)
    yield


class Guard:
    def __init__(self, key: str = "") -> None:
        check(key)


class CalledGuard:
    def __call__(self, key: str = "") -> None:
        check(key)


class AsyncCalledGuard:
    async def __call__(self, key: str = "") -> None:
        check(key)


def partial_guard(_first: int, key: str = "") -> None:
    check(key)


@case(
    "Guards of every kind raise an exception",
    *(Call("GET", f"/{kind}/", status=403) for kind in KINDS),
    *(Call("GET", f"/{kind}/?key=good") for kind in KINDS),
    *(Call("GET", f"/async-route/{kind}/", status=403) for kind in KINDS),
)
def guards(app: FastAPI, router: APIRouter) -> None:
    every: tuple[Callable[..., Any], ...] = (
        guard,
        async_guard,
        yielding_guard,
        async_yielding_guard,
        CalledGuard(),
        AsyncCalledGuard(),
        Guard,
        partial(partial_guard, 1),
    )

    def read() -> str:
        return "let in"

    async def read_async() -> str:
        return "let in"

    for kind, one in zip(KINDS, every, strict=True):
        router.get(f"/{kind}/", dependencies=[Depends(one)])(read)
        router.get(f"/async-route/{kind}/", dependencies=[Depends(one)])(read_async)


@case(
    "Request, Response and BackgroundTasks in every kind of dependency",
    Call("GET", "/"),
    Call("GET", "/async/"),
    EVENTS,
)
def special_parameters(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    async def first(request: Request, response: Response, tasks: BackgroundTasks) -> str:
        response.headers["x-first"] = request.method
        tasks.add_task(events.append, "first")
        return request.url.path

    def second(request: Request, response: Response, tasks: BackgroundTasks) -> Iterator[str]:
        response.headers["x-second"] = request.method
        tasks.add_task(events.append, "second")
        yield request.url.path

    @router.get("/")
    def read(a: Annotated[str, Depends(first)], b: Annotated[str, Depends(second)]) -> list[str]:
        return [a, b]

    @router.get("/async/")
    async def read_async(b: Annotated[str, Depends(second)], a: Annotated[str, Depends(first)]) -> list[str]:
        return [a, b]

    expose(router, events)


@case("An async dependency sets a context variable", *(Call("GET", f"/{p}?name=a") for p in ("", "yield/", "async/")))
def context_from_dependency(app: FastAPI, router: APIRouter) -> None:
    current: ContextVar[str] = ContextVar("current", default="nobody")

    async def setting(name: str) -> None:
        current.set(name)

    async def yielding(name: str) -> AsyncIterator[None]:
        token = current.set(name)
        yield
        current.reset(token)

    @router.get("/", dependencies=[Depends(setting)])
    def read() -> str:
        return current.get()

    @router.get("/yield/", dependencies=[Depends(yielding)])
    def read_yield() -> str:
        return current.get()

    @router.get("/async/", dependencies=[Depends(setting)])
    async def read_async() -> str:
        return current.get()


@case("A context variable of one request is not seen in the next", *[Call("GET", "/"), Call("GET", "/async/")] * 2)
def context_of_route(app: FastAPI, router: APIRouter) -> None:
    current: ContextVar[str] = ContextVar("current", default="nobody")

    @router.get("/")
    def read() -> list[str]:
        before = current.get()
        current.set("def")
        return [before, current.get()]

    @router.get("/async/")
    async def read_async() -> list[str]:
        before = current.get()
        current.set("async")
        return [before, current.get()]


@case("max_concurrency", Call("GET", "/"), Call("GET", "/"), Call("GET", "/yield/"), Call("GET", "/yield/"))
def max_concurrency(app: FastAPI, router: APIRouter) -> None:
    def plain() -> int:
        return 1

    def yielding() -> Iterator[int]:
        yield 2

    @router.get("/")
    def read(n: Annotated[int, Depends(plain, max_concurrency=1)]) -> int:
        return n

    @router.get("/yield/")
    def read_yield(n: Annotated[int, Depends(yielding, max_concurrency=1)]) -> int:
        return n
