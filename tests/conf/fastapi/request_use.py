"""The request itself."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from tests.conf.fastapi.base import JSON, Call, case

Next = Callable[[Request], Awaitable[Response]]


@case(
    "A route reads the request",
    Call("GET", "/items/3?a=1&a=2&b=", headers={"x-a": "b"}, cookies={"c": "d"}),
    Call("GET", "/async/3?a=1"),
)
def read_request(app: FastAPI, router: APIRouter) -> None:
    def described(request: Request) -> dict[str, Any]:
        return {
            "method": request.method,
            "url": str(request.url),
            "base": str(request.base_url),
            "path": request.url.path,
            "client": request.client.host if request.client else None,
            "header": request.headers.get("X-A"),
            "cookies": request.cookies,
            "path_params": request.path_params,
            "query": request.query_params.multi_items(),
            "type": request.scope["type"],
            "app": request.app is app,
            "route": request.scope["route"].path,
            "endpoint": request.scope["endpoint"].__name__,
        }

    @router.get("/items/{item_id}")
    def read(request: Request, item_id: int) -> dict[str, Any]:
        return described(request)

    @router.get("/async/{item_id}")
    async def read_async(item_id: int, request: Request) -> dict[str, Any]:
        return described(request)


@case("A dependency takes an HTTPConnection", Call("GET", "/"))
def connection(app: FastAPI, router: APIRouter) -> None:
    def path_of(connection: HTTPConnection) -> str:
        return connection.url.path

    @router.get("/")
    def read(path: Annotated[str, Depends(path_of)]) -> str:
        return path


@case("URLs are built from the names of routes", Call("GET", "/a/3"), Call("GET", "/go/", status=307))
def url_for(app: FastAPI, router: APIRouter) -> None:
    @router.get("/a/{number}", name="numbered")
    def read(number: int, request: Request) -> list[str]:
        return [str(request.url_for("numbered", number=number + 1)), str(app.url_path_for("go"))]

    @router.get("/go/")
    def go(request: Request) -> Response:
        return RedirectResponse(request.url_for("numbered", number=1))


@case("State of the app and of the request", Call("GET", "/", headers={"x-who": "ann"}), Call("GET", "/async/"))
def state(app: FastAPI, router: APIRouter) -> None:
    app.state.greeting = "Hello"

    @app.middleware("http")
    async def remember(request: Request, call_next: Next) -> Response:
        request.state.who = request.headers.get("x-who", "nobody")
        return await call_next(request)

    def who(request: Request) -> str:
        return str(request.state.who)

    @router.get("/")
    def read(request: Request, name: Annotated[str, Depends(who)]) -> str:
        return f"{request.app.state.greeting}, {name}"

    @router.get("/async/")
    async def read_async(request: Request, name: Annotated[str, Depends(who)]) -> str:
        return f"{request.app.state.greeting}, {name}"


@case("A dependency puts something in request.state", Call("GET", "/"), Call("GET", "/async/"))
def state_from_dependency(app: FastAPI, router: APIRouter) -> None:
    def put(request: Request) -> None:
        request.state.user = "ann"

    async def put_async(request: Request) -> None:
        request.state.user += " async"

    @router.get("/", dependencies=[Depends(put), Depends(put_async)])
    def read(request: Request) -> str:
        return str(request.state.user)

    @router.get("/async/", dependencies=[Depends(put), Depends(put_async)])
    async def read_async(request: Request) -> str:
        return str(request.state.user)


@case(
    "An async route reads the body of the request itself",
    Call("POST", "/raw/", content=b"a raw body"),
    Call("POST", "/json/", json={"a": 1}),
    Call("POST", "/both/", json={"a": 1}),
)
def raw_body(app: FastAPI, router: APIRouter) -> None:
    @router.post("/raw/")
    async def create(request: Request) -> dict[str, Any]:
        body = await request.body()
        return {"size": len(body), "text": body.decode()}

    @router.post("/json/")
    async def create_json(request: Request) -> Any:
        return await request.json()

    @router.post("/both/")
    async def create_both(request: Request, payload: dict[str, Any]) -> list[Any]:
        return [payload, (await request.body()).decode()]


@case(
    "An async dependency reads the body for a def route",
    Call("POST", "/", content=b"raw", headers={"content-type": "text/plain"}),
    Call("POST", "/both/", json={"a": 1}),
)
def raw_body_in_dependency(app: FastAPI, router: APIRouter) -> None:
    async def raw(request: Request) -> bytes:
        return await request.body()

    @router.post("/")
    def create(body: Annotated[bytes, Depends(raw)]) -> str:
        return body.decode()

    @router.post("/both/")
    def create_both(body: Annotated[bytes, Depends(raw)], a: Annotated[int, Body(embed=True)]) -> list[Any]:
        return [body.decode(), a]


@case("An async route reads the stream of the body", Call("POST", "/", content=b"abc" * 10))
def stream_body(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    async def create(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])


class TimedRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Any]:
        original = super().get_route_handler()

        async def handler(request: Request) -> Response:
            response: Response = await original(request)
            response.headers["x-route"] = "timed"
            return response

        return handler


@case("A router has a route class of its own", Call("GET", "/in/"), Call("GET", "/out/"), includes=True)
def route_class(app: FastAPI, router: APIRouter) -> None:
    timed = type(router)(route_class=TimedRoute)

    @timed.get("/in/")
    def read() -> str:
        return "timed"

    @router.get("/out/")
    def read_out() -> str:
        return "not timed"

    app.include_router(timed)
    app.include_router(router)


@case(
    "A body is larger than the route allows",
    Call("POST", "/small/", json="abc"),
    Call("POST", "/small/", content=b'"' + b"a" * 100 + b'"', headers=JSON, status=413),
    Call("POST", "/large/", content=b'"' + b"a" * 100 + b'"', headers=JSON),
)
def body_size(app: FastAPI, router: APIRouter) -> None:
    @router.post("/small/", max_body_size=50)
    def create(text: Annotated[str, Body()]) -> int:
        return len(text)

    @router.post("/large/")
    def create_large(text: Annotated[str, Body()]) -> int:
        return len(text)
