"""Dependencies of decorators, routers and apps."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException

from tests.conf.fastapi.base import Call, case, expose


@case(
    "Dependencies in the decorator",
    Call("GET", "/", headers={"x-token": "good", "x-key": "good"}),
    Call("GET", "/", headers={"x-token": "bad", "x-key": "good"}, status=400),
    Call("GET", "/", headers={"x-token": "good", "x-key": "bad"}, status=403),
    Call("GET", "/", status=422),
)
def in_decorator(app: FastAPI, router: APIRouter) -> None:
    def verify_token(x_token: Annotated[str, Header()]) -> None:
        if x_token != "good":
            raise HTTPException(400, "X-Token header invalid")

    async def verify_key(x_key: Annotated[str, Header()]) -> str:
        if x_key != "good":
            raise HTTPException(403, "X-Key header invalid")
        return x_key

    @router.get("/", dependencies=[Depends(verify_token), Depends(verify_key)])
    def read() -> list[str]:
        return ["a"]


def noting(events: list[str], name: str) -> Any:
    def note() -> None:
        events.append(name)

    return note


@case(
    "Dependencies of app, router, include_router, decorator and parameters, in order",
    Call("GET", "/p/"),
    Call("GET", "/p/async/"),
    Call("GET", "/events/"),
    includes=True,
)
def all_places(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []
    inner = type(router)(dependencies=[Depends(noting(events, "router"))])

    @inner.get("/", dependencies=[Depends(noting(events, "decorator 1")), Depends(noting(events, "decorator 2"))])
    def read(a: Annotated[None, Depends(noting(events, "parameter"))]) -> list[str]:
        return events

    @inner.get("/async/", dependencies=[Depends(noting(events, "decorator"))])
    async def read_async(a: Annotated[None, Depends(noting(events, "parameter"))]) -> list[str]:
        return events

    expose(router, events)
    app.include_router(inner, prefix="/p", dependencies=[Depends(noting(events, "include"))])
    app.include_router(router)


def app_token(x_token: Annotated[str, Header()]) -> None:
    if x_token != "good":
        raise HTTPException(400, "X-Token header invalid")


@case(
    "Dependencies of the app",
    Call("GET", "/", headers={"x-token": "good"}),
    Call("GET", "/", headers={"x-token": "bad"}, status=400),
    Call("GET", "/async/", status=422),
    app=lambda: FastAPI(dependencies=[Depends(app_token)]),
)
def of_app(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read() -> str:
        return "read"

    @router.get("/async/")
    async def read_async() -> str:
        return "read"


@case(
    "A guard at include_router",
    Call("GET", "/admin/", headers={"x-token": "good"}),
    Call("GET", "/admin/", headers={"x-token": "bad"}, status=400),
    Call("GET", "/free/"),
    includes=True,
)
def at_include(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read() -> str:
        return "read"

    app.include_router(router, prefix="/admin", dependencies=[Depends(app_token)], tags=["admin"])
    app.include_router(router, prefix="/free")


@case("A guard's exception takes precedence over invalid parameters", Call("GET", "/x", status=401))
def guard_before_faults(app: FastAPI, router: APIRouter) -> None:
    def guard() -> None:
        raise HTTPException(401, "Who are you?")

    @router.get("/{number}", dependencies=[Depends(guard)])
    def read(number: int) -> int:
        return number
