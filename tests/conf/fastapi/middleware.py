"""Middleware."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conf.fastapi.base import EVENTS, Call, case, expose

Next = Callable[[Request], Awaitable[Response]]


@case("Middleware functions, the last added first", Call("GET", "/", headers={"x-ask": "1"}), EVENTS)
def middleware_order(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    @app.middleware("http")
    async def inner(request: Request, call_next: Next) -> Response:
        events.append("inner before")
        response = await call_next(request)
        events.append("inner after")
        return response

    @app.middleware("http")
    async def outer(request: Request, call_next: Next) -> Response:
        events.append("outer before")
        response = await call_next(request)
        response.headers["x-answer"] = request.headers.get("x-ask", "none")
        events.append("outer after")
        return response

    @router.get("/")
    def read() -> str:
        events.append("route")
        return "read"

    expose(router, events)


@case(
    "Middleware returns a response itself",
    Call("GET", "/"),
    Call("GET", "/?stop=1", status=403),
    Call("GET", "/e", status=418),
)
def middleware_answers(app: FastAPI, router: APIRouter) -> None:
    @app.middleware("http")
    async def stop(request: Request, call_next: Next) -> Response:
        if "stop" in request.query_params:
            return JSONResponse({"stopped": True}, status_code=403)
        response = await call_next(request)
        response.headers["x-status"] = str(response.status_code)
        return response

    @router.get("/")
    def read() -> str:
        return "read"

    @router.get("/e")
    def fail() -> None:
        raise HTTPException(418)


class Tagging:
    def __init__(self, app: ASGIApp, tag: str) -> None:
        self.app = app
        self.tag = tag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["tags"] = [*scope.get("state", {}).get("tags", []), self.tag]
        await self.app(scope, receive, send)


@case("ASGI middleware with arguments", Call("GET", "/"), Call("GET", "/async/"))
def asgi_middleware(app: FastAPI, router: APIRouter) -> None:
    app.add_middleware(Tagging, tag="first")
    app.add_middleware(Tagging, tag="second")

    @router.get("/")
    def read(request: Request) -> list[str]:
        return list(request.state.tags)

    @router.get("/async/")
    async def read_async(request: Request) -> list[str]:
        return list(request.state.tags)


ORIGIN = {"Origin": "https://example.com"}


@case(
    "CORS",
    Call("GET", "/", headers=ORIGIN),
    Call("GET", "/", headers={"Origin": "https://evil.example"}),
    Call("GET", "/"),
    Call("OPTIONS", "/", headers=ORIGIN | {"Access-Control-Request-Method": "POST"}),
    Call("OPTIONS", "/", headers=ORIGIN | {"Access-Control-Request-Method": "PUT"}, status=400),
    Call("GET", "/fail", headers=ORIGIN, status=404),
)
def cors(app: FastAPI, router: APIRouter) -> None:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["https://example.com"],
        allow_methods=["GET", "POST"],
        allow_credentials=True,
        expose_headers=["x-a"],
    )

    @router.get("/")
    def read(response: Response) -> str:
        response.headers["x-a"] = "b"
        return "read"

    @router.get("/fail")
    def fail() -> None:
        raise HTTPException(404)


@case(
    "GZip and trusted hosts",
    Call("GET", "/", headers={"host": "example.com", "accept-encoding": "gzip"}),
    Call("GET", "/", headers={"host": "example.com", "accept-encoding": "identity"}),
    Call("GET", "/", headers={"host": "evil.example"}, status=400),
)
def gzip(app: FastAPI, router: APIRouter) -> None:
    app.add_middleware(GZipMiddleware, minimum_size=100)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["example.com"])

    @router.get("/")
    def read() -> str:
        return "a" * 1000


class Rooted:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "root_path": "/api/v1"}, receive, send)


@case("root_path of a proxy", Call("GET", "/app/3"), Call("GET", "/api/v1/app/3"))
def root_path(app: FastAPI, router: APIRouter) -> None:
    app.add_middleware(Rooted)

    @router.get("/app/{number}")
    def read(request: Request, number: int) -> list[str]:
        return [request.scope["root_path"], str(request.url_for("read", number=number))]
