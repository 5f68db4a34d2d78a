"""Dependencies: every kind of callable."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial, wraps
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel

from tests.conf.fastapi.base import EVENTS, Call, case, expose


class Checker:
    def __init__(self, fixed: str) -> None:
        self.fixed = fixed

    def __call__(self, q: str = "") -> bool:
        return self.fixed in q

    def method(self, q: str = "") -> str:
        return f"{self.fixed} {q}"

    async def async_method(self, q: str = "") -> str:
        return f"async {self.fixed} {q}"

    @classmethod
    def made(cls, fixed: str = "made") -> "Checker":
        return cls(fixed)

    @staticmethod
    def static(q: str = "") -> str:
        return f"static {q}"


class AsyncChecker:
    async def __call__(self, q: str = "") -> str:
        await asyncio.sleep(0)
        return f"async {q}"


class YieldChecker:
    def __init__(self, events: list[str]) -> None:
        self.events = events

    def __call__(self, q: str = "") -> Iterator[str]:
        self.events.append("begin")
        yield f"yielded {q}"
        self.events.append("end")


class AsyncYieldChecker(YieldChecker):
    async def __call__(self, q: str = "") -> AsyncIterator[str]:  # type: ignore[override]
        self.events.append("async begin")
        yield f"async yielded {q}"
        self.events.append("async end")


@case("An instance is called", Call("GET", "/?q=a bar"), Call("GET", "/?q=foo"), Call("GET", "/async/?q=bar"))
def instance(app: FastAPI, router: APIRouter) -> None:
    checker = Checker("bar")

    @router.get("/")
    def read(found: Annotated[bool, Depends(checker)]) -> bool:
        return found

    @router.get("/async/")
    async def read_async(found: Annotated[bool, Depends(checker)]) -> bool:
        return found


@case("An instance with an async __call__", Call("GET", "/?q=a"), Call("GET", "/async/?q=b"))
def async_instance(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(found: Annotated[str, Depends(AsyncChecker())]) -> str:
        return found

    @router.get("/async/")
    async def read_async(found: Annotated[str, Depends(AsyncChecker())]) -> str:
        return found


@case("Instances whose __call__ is a generator", Call("GET", "/?q=a"), Call("GET", "/async/?q=b"), EVENTS)
def yielding_instances(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    @router.get("/")
    def read(
        a: Annotated[str, Depends(YieldChecker(events))], b: Annotated[str, Depends(AsyncYieldChecker(events))]
    ) -> list[str]:
        return [a, b]

    @router.get("/async/")
    async def read_async(
        a: Annotated[str, Depends(AsyncYieldChecker(events))], b: Annotated[str, Depends(YieldChecker(events))]
    ) -> list[str]:
        return [a, b]

    expose(router, events)


@case("Bound, class and static methods and a lambda", Call("GET", "/?q=x"), Call("GET", "/?fixed=y"))
def methods(app: FastAPI, router: APIRouter) -> None:
    checker = Checker("mine")

    @router.get("/")
    def read(
        a: Annotated[str, Depends(checker.method)],
        b: Annotated[str, Depends(checker.async_method)],
        c: Annotated[Checker, Depends(Checker.made)],
        d: Annotated[str, Depends(Checker.static)],
        e: Annotated[str, Depends(lambda: "lambda")],
    ) -> list[str]:
        return [a, b, c.fixed, d, e]


@case("functools.partial", Call("GET", "/?q=x"), Call("GET", "/", status=422))
def partials(app: FastAPI, router: APIRouter) -> None:
    def join(prefix: str, q: str) -> str:
        return prefix + q

    async def join_async(prefix: str, q: str) -> str:
        return prefix + q

    def join_yield(prefix: str, q: str) -> Iterator[str]:
        yield prefix + q

    async def join_async_yield(prefix: str, q: str) -> AsyncIterator[str]:
        yield prefix + q

    @router.get("/")
    def read(
        a: Annotated[str, Depends(partial(join, "a"))],
        b: Annotated[str, Depends(partial(join_async, "b"))],
        c: Annotated[str, Depends(partial(join_yield, "c"))],
        d: Annotated[str, Depends(partial(join_async_yield, "d"))],
        e: Annotated[bool, Depends(partial(Checker("x")))],
        f: Annotated[str, Depends(partial(AsyncChecker()))],
    ) -> list[str | bool]:
        return [a, b, c, d, e, f]


@case("Decorated dependencies", Call("GET", "/?q=x"), EVENTS)
def decorated(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            events.append(f"{function.__name__} {sorted(kwargs)}")
            return function(*args, **kwargs)

        return wrapper

    @noted
    def plain(q: str) -> str:
        return q

    @noted
    def yielding(q: str) -> Iterator[str]:
        yield q + q

    @router.get("/")
    @noted
    def read(a: Annotated[str, Depends(plain)], b: Annotated[str, Depends(yielding)]) -> list[str]:
        return [a, b]

    expose(router, events)


@case("Async functions are dependencies of a def route", Call("GET", "/?q=x"), Call("GET", "/", status=422))
def async_functions(app: FastAPI, router: APIRouter) -> None:
    async def inner(q: str) -> str:
        await asyncio.sleep(0)
        return q

    async def outer(q: Annotated[str, Depends(inner)]) -> str:
        return q + q

    def around(q: Annotated[str, Depends(outer)]) -> str:
        return f"({q})"

    @router.get("/")
    def read(a: Annotated[str, Depends(around)], b: Annotated[str, Depends(inner)]) -> list[str]:
        return [a, b]


@dataclass
class Window:
    begin: int
    size: int = 10


class Bounds(BaseModel):
    low: int = 0
    high: int = 5


@case(
    "A dataclass and a model are dependencies",
    Call("GET", "/?begin=3&high=4"),
    Call("GET", "/?begin=x&low=y", status=422),
)
def dataclasses(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(window: Annotated[Window, Depends()], bounds: Annotated[Bounds, Depends()]) -> list[int]:
        return [window.begin, window.size, bounds.low, bounds.high]
