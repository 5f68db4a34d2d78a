"""Dependencies: declared, nested, shared and cached."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response

from tests.conf.fastapi.base import EVENTS, Call, case, expose


def common(q: str | None = None, skip: int = 0, limit: int = 100) -> dict[str, Any]:
    return {"q": q, "skip": skip, "limit": limit}


Common = Annotated[dict[str, Any], Depends(common)]


class Paging:
    def __init__(self, q: str | None = None, skip: int = 0, limit: Annotated[int, Query(le=50)] = 10) -> None:
        self.q = q
        self.skip = skip
        self.limit = limit


@case(
    "A dependency is a function shared by routes",
    Call("GET", "/items/?skip=3&q=x"),
    Call("GET", "/users/"),
    Call("GET", "/users/?limit=many", status=422),
    Call("GET", "/old/?limit=2"),
)
def function(app: FastAPI, router: APIRouter) -> None:
    @router.get("/items/")
    def read_items(commons: Common) -> dict[str, Any]:
        return commons

    @router.get("/users/")
    async def read_users(commons: Common) -> dict[str, Any]:
        return commons

    @router.get("/old/")
    def read_old(commons: dict[str, Any] = Depends(common)) -> dict[str, Any]:  # noqa: B008
        return commons


@case(
    "A dependency is a class",
    Call("GET", "/full/?q=x&skip=1"),
    Call("GET", "/short/?limit=5"),
    Call("GET", "/short/?limit=51", status=422),
)
def class_(app: FastAPI, router: APIRouter) -> None:
    @router.get("/full/")
    def read_full(paging: Annotated[Any, Depends(Paging)]) -> dict[str, Any]:
        return {"q": paging.q, "skip": paging.skip, "limit": paging.limit}

    @router.get("/short/")
    def read_short(paging: Annotated[Paging, Depends()]) -> dict[str, Any]:
        return vars(paging)


@case(
    "A dependency has a dependency",
    Call("GET", "/?q=x"),
    Call("GET", "/", cookies={"last_query": "y"}),
    Call("GET", "/"),
)
def nested(app: FastAPI, router: APIRouter) -> None:
    from fastapi import Cookie

    def query(q: str | None = None) -> str | None:
        return q

    def query_or_cookie(
        q: Annotated[str | None, Depends(query)], last_query: Annotated[str | None, Cookie()] = None
    ) -> str | None:
        return q or last_query

    @router.get("/")
    def read(found: Annotated[str | None, Depends(query_or_cookie)]) -> dict[str, Any]:
        return {"found": found}


@case("A dependency is called once in a request", Call("GET", "/"), Call("GET", "/"), Call("GET", "/async/"), EVENTS)
def cached(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def count() -> int:
        events.append("called")
        return len(events)

    def left(n: Annotated[int, Depends(count)]) -> int:
        return n

    async def right(n: Annotated[int, Depends(count)]) -> int:
        return n

    @router.get("/", dependencies=[Depends(count)])
    def read(
        a: Annotated[int, Depends(left)], b: Annotated[int, Depends(right)], c: Annotated[int, Depends(count)]
    ) -> list[int]:
        return [a, b, c]

    @router.get("/async/")
    async def read_async(a: Annotated[int, Depends(left)], b: Annotated[int, Depends(right)]) -> list[int]:
        return [a, b]

    expose(router, events)


@case("A dependency is called each time with use_cache=False", Call("GET", "/"), Call("GET", "/deep/"), EVENTS)
def not_cached(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def count() -> int:
        events.append("called")
        return len(events)

    def below(n: Annotated[int, Depends(count)]) -> int:
        return n

    @router.get("/")
    def read(
        a: Annotated[int, Depends(count)],
        b: Annotated[int, Depends(count, use_cache=False)],
        c: Annotated[int, Depends(count)],
    ) -> list[int]:
        return [a, b, c]

    @router.get("/deep/")
    def read_deep(a: Annotated[int, Depends(below)], b: Annotated[int, Depends(below, use_cache=False)]) -> list[int]:
        return [a, b]

    expose(router, events)


@case("A dependency that returns None is cached", Call("GET", "/"), EVENTS)
def cached_none(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def nothing() -> None:
        events.append("called")

    def below(value: Annotated[None, Depends(nothing)]) -> str:
        return repr(value)

    @router.get("/", dependencies=[Depends(nothing)])
    def read(a: Annotated[str, Depends(below)], b: Annotated[None, Depends(nothing)]) -> list[str | None]:
        return [a, b]

    expose(router, events)


@case(
    "A dependency reads the path of the route and the request",
    Call("GET", "/users/3?q=a"),
    Call("GET", "/users/x", status=422),
)
def path_in_dependency(app: FastAPI, router: APIRouter) -> None:
    def user_of(user_id: int, request: Request, response: Response) -> dict[str, Any]:
        response.headers["x-user"] = str(user_id)
        return {"id": user_id, "raw": request.path_params["user_id"], "query": str(request.query_params)}

    @router.get("/users/{user_id}")
    def read(user: Annotated[dict[str, Any], Depends(user_of)]) -> dict[str, Any]:
        return user


@case("The errors of several dependencies are in one response", Call("GET", "/?b=x", status=422), EVENTS)
def faults(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def first(a: int) -> int:
        events.append("first")
        return a

    def second(b: int) -> int:
        events.append("second")
        return b

    def third(x: Annotated[int, Depends(second)]) -> int:
        events.append("third")
        return x

    def valid() -> int:
        events.append("valid")
        return 1

    @router.get("/")
    def read(
        a: Annotated[int, Depends(first)],
        b: Annotated[int, Depends(third)],
        c: Annotated[int, Depends(valid)],
        d: int,
    ) -> int:
        return a + b + c + d

    expose(router, events)
