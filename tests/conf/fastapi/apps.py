"""Apps: middleware, routers within routers, mounts, methods."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from jinja2 import DictLoader, Environment
from pydantic import BaseModel

from tests.conf.fastapi.base import EVENTS, Call, case, expose

Next = Callable[[Request], Awaitable[Response]]


@case(
    "Routers within routers",
    Call("GET", "/api/v1/users/"),
    Call("GET", "/api/v1/users/3/posts/4"),
    Call("GET", "/api/v1/users/x/posts/y", status=422),
    Call("GET", "/users/", status=404),
    Call("GET", "/legacy/users/"),
    includes=True,
)
def nested_routers(app: FastAPI, router: APIRouter) -> None:
    users = type(router)(prefix="/users", tags=["users"])
    posts = type(router)(prefix="/{user_id}/posts", tags=["posts"])

    @users.get("/")
    def read_users() -> list[str]:
        return ["ann"]

    @posts.get("/{post_id}")
    def read_post(user_id: int, post_id: int) -> list[int]:
        return [user_id, post_id]

    users.include_router(posts)
    router.include_router(users, prefix="/v1")
    app.include_router(router, prefix="/api", tags=["api"], responses={418: {"description": "I'm a teapot"}})
    app.include_router(users, prefix="/legacy", deprecated=True)


@case("A router's prefix has a parameter that its dependency reads", Call("GET", "/teams/3/"), includes=True)
def prefix_parameter(app: FastAPI, router: APIRouter) -> None:
    def team(team_id: int) -> str:
        return f"team {team_id}"

    teams = type(router)(prefix="/teams/{team_id}", dependencies=[Depends(team)])

    @teams.get("/")
    def read(name: Annotated[str, Depends(team)]) -> str:
        return name

    app.include_router(teams)


@case(
    "A mounted sub-application",
    Call("GET", "/app"),
    Call("GET", "/sub/here?q=1"),
    Call("GET", "/sub/here", status=422),
    Call("GET", "/sub/nowhere", status=404),
    includes=True,
)
def mounted(app: FastAPI, router: APIRouter) -> None:
    inside = type(router)()
    sub = FastAPI()

    @router.get("/app")
    def read(request: Request) -> str:
        return request.url.path

    @inside.get("/here")
    def read_inside(request: Request, q: int) -> dict[str, Any]:
        return {
            "path": request.url.path,
            "root_path": request.scope["root_path"],
            "url_for": str(request.url_for("read_inside")),
            "app": request.app is sub,
        }

    sub.include_router(inside)
    app.include_router(router)
    app.mount("/sub", sub)


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@case(
    "One route with several methods, and one function at several paths",
    *(Call(method, "/many/") for method in METHODS),
    Call("OPTIONS", "/one/", status=405),
    Call("GET", "/one/"),
    Call("POST", "/two/"),
    Call("GET", "/added/"),
    Call("OPTIONS", "/options/"),
    Call("TRACE", "/trace/"),
    Call("HEAD", "/head/"),
)
def methods(app: FastAPI, router: APIRouter) -> None:
    @router.api_route("/many/", methods=list(METHODS))
    def any_method(request: Request) -> str:
        return request.method

    @router.get("/one/")
    @router.post("/two/")
    def read(request: Request) -> str:
        return request.method

    router.add_api_route("/added/", read, methods=["GET"])
    router.options("/options/")(read)
    router.trace("/trace/")(read)

    @router.head("/head/")
    def head(response: Response) -> None:
        response.headers["x-head"] = "1"


@case("Options that only change the OpenAPI schema", Call("GET", "/items/3"), Call("GET", "/hidden/"))
def schema_only(app: FastAPI, router: APIRouter) -> None:
    class Item(BaseModel):
        number: int

    @router.get(
        "/items/{number}",
        operation_id="item_of_number",
        tags=["items"],
        summary="An item",
        description="Of a number",
        response_description="The item",
        deprecated=True,
        openapi_extra={"x-extra": 1},
        name="item",
    )
    def read(number: int) -> Item:
        return Item(number=number)

    @router.get("/hidden/", include_in_schema=False)
    def read_hidden() -> str:
        return "hidden"


@case("Routes of the app and of a router", Call("GET", "/app/"), Call("GET", "/router/"), EVENTS)
def beside(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    def note(request: Request) -> None:
        events.append(request.url.path)

    @app.get("/app/", dependencies=[Depends(note)])
    def read_app() -> str:
        return "app"

    @router.get("/router/", dependencies=[Depends(note)])
    def read_router() -> str:
        return "router"

    expose(router, events)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
    yield {"model": "loaded"}


@case(
    "The app has a lifespan, which this client does not run",
    Call("GET", "/"),
    app=lambda: FastAPI(lifespan=lifespan),
)
def with_lifespan(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(request: Request) -> str:
        return str(getattr(request.state, "model", "not loaded"))


@case("Templates", Call("GET", "/items/3"), Call("GET", "/async/4"))
def templates(app: FastAPI, router: APIRouter) -> None:
    page = "<a href='{{ url_for('read_item', number=number) }}'>{{ number }}</a>"
    templates = Jinja2Templates(env=Environment(loader=DictLoader({"item.html": page}), autoescape=True))

    @router.get("/items/{number}", response_class=HTMLResponse, name="read_item")
    def read(request: Request, number: int) -> Response:
        return templates.TemplateResponse(request, "item.html", {"number": number})

    @router.get("/async/{number}")
    async def read_async(request: Request, number: int) -> HTMLResponse:
        return templates.TemplateResponse(request, "item.html", {"number": number}, headers={"x-a": "b"})


@case("Static files beside the router", Call("GET", "/static/__init__.py"), Call("GET", "/"), includes=True)
def static_files(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(request: Request) -> str:
        return str(request.url_for("static", path="/__init__.py"))

    app.mount("/static", StaticFiles(directory=Path(__file__).parent), name="static")
    app.include_router(router)
