"""`app.dependency_overrides`."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes

from tests.conf.fastapi.base import EVENTS, Call, case, expose


@case("An override is a function with other parameters", Call("GET", "/?q=x"), Call("GET", "/?other=y"))
def function(app: FastAPI, router: APIRouter) -> None:
    def original(q: str) -> str:
        return q

    def replacement(other: str = "none") -> str:
        return f"replaced: {other}"

    @router.get("/")
    def read(value: Annotated[str, Depends(original)]) -> str:
        return value

    app.dependency_overrides[original] = replacement


@case("Overrides are async, generators and classes", Call("GET", "/?q=x"), Call("GET", "/async/?q=x"), EVENTS)
def kinds(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def a() -> str:
        return "a"

    async def b() -> str:
        return "b"

    def c() -> Iterator[str]:
        yield "c"

    class D:
        value = "d"

    async def async_a() -> str:
        return "async a"

    def generator_b(q: str) -> Iterator[str]:
        events.append("b begins")
        yield f"generated b {q}"
        events.append("b ends")

    async def async_generator_c() -> AsyncIterator[str]:
        events.append("c begins")
        yield "generated c"
        events.append("c ends")

    class OtherD:
        def __init__(self, q: str) -> None:
            self.value = f"other {q}"

    @router.get("/")
    def read(
        a: Annotated[str, Depends(a)],
        b: Annotated[str, Depends(b)],
        c: Annotated[str, Depends(c)],
        d: Annotated[D, Depends()],
    ) -> list[str]:
        return [a, b, c, d.value]

    @router.get("/async/")
    async def read_async(
        a: Annotated[str, Depends(a)], b: Annotated[str, Depends(b)], c: Annotated[str, Depends(c)]
    ) -> list[str]:
        return [a, b, c]

    expose(router, events)
    app.dependency_overrides |= {a: async_a, b: generator_b, c: async_generator_c, D: OtherD}


@case("A dependency of a dependency and one in the decorator are overridden", Call("GET", "/"), Call("GET", "/deep/"))
def nested(app: FastAPI, router: APIRouter) -> None:
    def guard() -> None:
        raise HTTPException(401)

    def user() -> str:
        return "real"

    def greeting(user: Annotated[str, Depends(user)]) -> str:
        return f"Hello, {user}"

    @router.get("/", dependencies=[Depends(guard)])
    def read() -> str:
        return "read"

    @router.get("/deep/")
    def read_deep(text: Annotated[str, Depends(greeting)]) -> str:
        return text

    app.dependency_overrides[guard] = lambda: None
    app.dependency_overrides[user] = lambda: "fake"


@case(
    "An override has its own dependencies and validation errors", Call("GET", "/?n=1"), Call("GET", "/?n=x", status=422)
)
def with_dependencies(app: FastAPI, router: APIRouter) -> None:
    def original() -> int:
        return 0

    def number(n: int) -> int:
        return n

    def other(n: Annotated[int, Depends(number)], request: Request) -> int:
        return n + len(request.query_params)

    @router.get("/")
    def read(value: Annotated[int, Depends(original)]) -> int:
        return value

    app.dependency_overrides[original] = other


@case(
    "Overrides are set and removed while the app runs",
    Call("GET", "/"),
    Call("POST", "/on/"),
    Call("GET", "/"),
    Call("POST", "/off/"),
    Call("GET", "/"),
)
def changing(app: FastAPI, router: APIRouter) -> None:
    def original() -> str:
        return "original"

    @router.get("/")
    def read(value: Annotated[str, Depends(original)]) -> str:
        return value

    @router.post("/on/")
    def turn_on() -> None:
        app.dependency_overrides[original] = lambda: "override"

    @router.post("/off/")
    def turn_off() -> None:
        app.dependency_overrides = {}


@case("Security schemes and scopes are overridden", Call("GET", "/scheme/"), Call("GET", "/scopes/"))
def security(app: FastAPI, router: APIRouter) -> None:
    bearer = HTTPBearer()

    def scoped(scopes: SecurityScopes) -> list[str]:
        return scopes.scopes

    def other(scopes: SecurityScopes) -> list[str]:
        return ["other", *scopes.scopes]

    @router.get("/scheme/")
    def read(credentials: Annotated[Any, Depends(bearer)]) -> Any:
        return credentials

    @router.get("/scopes/")
    def read_scopes(scopes: Annotated[list[str], Security(scoped, scopes=["me"])]) -> list[str]:
        return scopes

    app.dependency_overrides[bearer] = lambda: {"fake": True}
    app.dependency_overrides[scoped] = other
