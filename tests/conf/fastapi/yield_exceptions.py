"""Dependencies with `yield`: exceptions."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from tests.conf.fastapi.base import EVENTS, Call, case, expose


class OwnerError(Exception):
    pass


@case("With scope=function an exception after the yield changes the response", Call("GET", "/", status=500), EVENTS)
def failing_end(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def session() -> Iterator[str]:
        yield "session"
        events.append("commit fails")
        raise HTTPException(500, "Commit failed")

    @router.get("/")
    def read(name: Annotated[str, Depends(session, scope="function")]) -> str:
        return name

    expose(router, events)


KINDS = ("yield", "async", "function")


@case(
    "A dependency replaces the route's exception by an HTTPException",
    *(Call("GET", f"/{kind}/plumbus", status=400) for kind in KINDS),
    *(Call("GET", f"/{kind}/portal-gun", status=404) for kind in KINDS),
    Call("GET", "/yield/spoon"),
    Call("GET", "/async-route/plumbus", status=400),
)
def caught(app: FastAPI, router: APIRouter) -> None:
    def user() -> Iterator[str]:
        try:
            yield "Rick"
        except OwnerError as error:
            raise HTTPException(400, f"Owner error: {error}") from error

    async def async_user() -> AsyncIterator[str]:
        try:
            yield "Rick"
        except OwnerError as error:
            raise HTTPException(400, f"Owner error: {error}") from error

    def answer(item: str, user: str) -> str:
        if item == "portal-gun":
            raise HTTPException(404, "Item not found")
        if item == "plumbus":
            raise OwnerError(user)
        return item

    @router.get("/yield/{item}")
    def read(item: str, user: Annotated[str, Depends(user)]) -> str:
        return answer(item, user)

    @router.get("/async/{item}")
    def read_with_async(item: str, user: Annotated[str, Depends(async_user)]) -> str:
        return answer(item, user)

    @router.get("/function/{item}")
    def read_with_function(item: str, user: Annotated[str, Depends(user, scope="function")]) -> str:
        return answer(item, user)

    @router.get("/async-route/{item}")
    async def read_async(item: str, user: Annotated[str, Depends(user)]) -> str:
        return answer(item, user)


@case("A dependency sees the exception and raises it again", Call("GET", "/", status=500), EVENTS)
def reraised(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def user() -> Iterator[str]:
        try:
            yield "Rick"
        except OwnerError:
            events.append("seen")
            raise
        finally:
            events.append("finally")

    @router.get("/")
    def read(user: Annotated[str, Depends(user)]) -> str:
        raise OwnerError(user)

    expose(router, events)


@case("A dependency that swallows an exception is a server error", Call("GET", "/", status=500))
def swallowed(app: FastAPI, router: APIRouter) -> None:
    def user() -> Iterator[str]:
        with suppress(OwnerError):
            yield "Rick"

    @router.get("/")
    def read(user: Annotated[str, Depends(user)]) -> str:
        raise OwnerError(user)


@case(
    "Nested dependencies see an HTTPException, the inner one first",
    Call("GET", "/", status=418),
    Call("GET", "/raise-in-dependency/", status=419),
    EVENTS,
)
def nested_exceptions(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def outer() -> Iterator[str]:
        try:
            yield "outer"
        except HTTPException as error:
            events.append(f"outer sees {error.status_code}")
            raise
        finally:
            events.append("outer ends")

    async def inner(outer: Annotated[str, Depends(outer)]) -> AsyncIterator[str]:
        try:
            yield outer
        except HTTPException as error:
            events.append(f"inner sees {error.status_code}")
            raise
        finally:
            events.append("inner ends")

    def failing(inner: Annotated[str, Depends(inner)]) -> str:
        raise HTTPException(419, inner)

    @router.get("/")
    def read(inner: Annotated[str, Depends(inner)]) -> str:
        raise HTTPException(418, inner)

    @router.get("/raise-in-dependency/")
    def read_failing(name: Annotated[str, Depends(failing)]) -> str:
        return name

    expose(router, events)


@case("Dependencies exit if the request is not valid", Call("GET", "/?n=x", status=422), EVENTS)
def ends_on_fault(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def session() -> Iterator[str]:
        events.append("open")
        try:
            yield "session"
        except BaseException as error:
            events.append(type(error).__name__)
            raise
        finally:
            events.append("close")

    @router.get("/")
    def read(name: Annotated[str, Depends(session)], n: int) -> str:
        return name

    expose(router, events)


@case("A context manager is used in a dependency", Call("GET", "/", status=409), EVENTS)
def with_statement(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    @contextmanager
    def transaction() -> Iterator[str]:
        events.append("begin")
        try:
            yield "transaction"
            events.append("commit")
        except Exception:
            events.append("rollback")
            raise

    def session() -> Iterator[str]:
        with transaction() as name:
            yield name

    @router.get("/")
    def read(name: Annotated[str, Depends(session)]) -> str:
        raise HTTPException(409, name)

    expose(router, events)


@case("An exception has a handler, and a dependency with yield exits", Call("GET", "/", status=418), EVENTS)
def with_handler(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def handle(request: Request, error: Exception) -> JSONResponse:
        events.append("handler")
        return JSONResponse({"message": str(error)}, status_code=418)

    app.add_exception_handler(OwnerError, handle)

    def session() -> Iterator[str]:
        try:
            yield "session"
        finally:
            events.append("close")

    @router.get("/")
    def read(name: Annotated[str, Depends(session)]) -> str:
        raise OwnerError(name)

    expose(router, events)
