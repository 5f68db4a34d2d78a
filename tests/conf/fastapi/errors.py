"""Errors and their handlers."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
)
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from tests.conf.fastapi.base import EVENTS, JSON, Call, case, expose


class UnicornError(Exception):
    def __init__(self, name: str) -> None:
        self.name = name


class PonyError(UnicornError):
    pass


class Item(BaseModel):
    title: str
    size: int


@case("HTTPException", Call("GET", "/items/foo"), Call("GET", "/items/bar", status=404), Call("GET", "/a", status=404))
def http_exception(app: FastAPI, router: APIRouter) -> None:
    @router.get("/items/{name}")
    def read(name: str) -> dict[str, str]:
        if name != "foo":
            raise HTTPException(status_code=404, detail="Item not found")
        return {"item": name}

    @router.get("/a")
    async def read_async() -> str:
        raise HTTPException(404)


@case(
    "HTTPException with headers, a dict, a list and no detail",
    Call("GET", "/headers/", status=404),
    Call("GET", "/dict/", status=409),
    Call("GET", "/list/", status=400),
    Call("GET", "/none/", status=403),
    Call("GET", "/starlette/", status=410),
    Call("GET", "/bodiless/", status=304),
)
def http_exception_details(app: FastAPI, router: APIRouter) -> None:
    @router.get("/headers/")
    def read_headers() -> None:
        raise HTTPException(404, "Gone", headers={"X-Error": "There goes my error"})

    @router.get("/dict/")
    def read_dict() -> None:
        raise HTTPException(409, {"code": "taken", "by": ["ann"]})

    @router.get("/list/")
    def read_list() -> None:
        raise HTTPException(400, [1, 2])

    @router.get("/none/")
    def read_none() -> None:
        raise HTTPException(403)

    @router.get("/starlette/")
    def read_starlette() -> None:
        raise StarletteHTTPException(410, "Gone")

    @router.get("/bodiless/")
    def read_bodiless() -> None:
        raise HTTPException(304)


@case("Headers of the Response parameter are lost with an HTTPException", Call("GET", "/", status=400))
def headers_lost(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(response: Response) -> None:
        response.headers["x-set"] = "1"
        response.set_cookie("a", "b")
        raise HTTPException(400, "Bad")


@case("An unhandled exception", Call("GET", "/", status=500), Call("GET", "/async/", status=500))
def unhandled(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read() -> None:
        raise ValueError("hidden")

    @router.get("/async/")
    async def read_async() -> None:
        raise ValueError("hidden")


@case(
    "A custom exception has a handler",
    Call("GET", "/route/yolo", status=418),
    Call("GET", "/dependency/yolo", status=418),
    Call("GET", "/subclass/yolo", status=418),
    Call("GET", "/async/yolo", status=418),
    Call("GET", "/route/other"),
)
def own_handler(app: FastAPI, router: APIRouter) -> None:
    @app.exception_handler(UnicornError)
    async def handle(request: Request, error: UnicornError) -> JSONResponse:
        return JSONResponse({"message": f"{error.name} at {request.url.path}"}, status_code=418)

    def dependency(name: str) -> str:
        raise UnicornError(name)

    @router.get("/route/{name}")
    def read(name: str) -> str:
        if name == "yolo":
            raise UnicornError(name)
        return name

    @router.get("/dependency/{name}", dependencies=[Depends(dependency)])
    def read_dependency(name: str) -> str:
        return name

    @router.get("/subclass/{name}")
    def read_subclass(name: str) -> str:
        raise PonyError(name)

    @router.get("/async/{name}")
    async def read_async(name: str) -> str:
        raise UnicornError(name)


@case(
    "The handlers of HTTPException and RequestValidationError are replaced",
    Call("GET", "/items/3", status=418),
    Call("GET", "/items/4"),
    Call("GET", "/items/x", status=400),
    Call("GET", "/nowhere", status=404),
)
def replaced(app: FastAPI, router: APIRouter) -> None:
    @app.exception_handler(StarletteHTTPException)
    def handle_http(request: Request, error: StarletteHTTPException) -> PlainTextResponse:
        return PlainTextResponse(f"own: {error.detail}", status_code=error.status_code)

    @app.exception_handler(RequestValidationError)
    async def handle_invalid(request: Request, error: RequestValidationError) -> PlainTextResponse:
        lines = [f"{fault['loc']}: {fault['msg']}" for fault in error.errors()]
        return PlainTextResponse("\n".join(lines), status_code=400)

    @router.get("/items/{number}")
    def read(number: int) -> int:
        if number == 3:
            raise HTTPException(418, "Nope! I don't like 3.")
        return number


@case(
    "RequestValidationError has the body",
    Call("POST", "/items/", json={"title": "towel", "size": "XL"}, status=422),
    Call("POST", "/items/", content=b'{"title": ', headers=JSON, status=422),
    Call("POST", "/items/", status=422),
    Call("POST", "/async/", json={"size": "XL"}, status=422),
)
def body_of_error(app: FastAPI, router: APIRouter) -> None:
    @app.exception_handler(RequestValidationError)
    def handle(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse(jsonable_encoder({"detail": error.errors(), "body": error.body}), status_code=422)

    @router.post("/items/")
    def create(item: Item) -> Item:
        return item

    @router.post("/async/")
    async def create_async(item: Item) -> Item:
        return item


@case(
    "FastAPI's handlers are reused",
    Call("GET", "/items/3", status=418),
    Call("GET", "/items/x", status=422),
    EVENTS,
)
def reused(app: FastAPI, router: APIRouter) -> None:
    events: list[str] = []

    @app.exception_handler(StarletteHTTPException)
    async def handle_http(request: Request, error: StarletteHTTPException) -> Response:
        events.append(f"http {error.status_code}")
        return await http_exception_handler(request, error)

    @app.exception_handler(RequestValidationError)
    async def handle_invalid(request: Request, error: RequestValidationError) -> Response:
        events.append(f"invalid {len(error.errors())}")
        return await request_validation_exception_handler(request, error)

    @router.get("/items/{number}")
    def read(number: int) -> int:
        raise HTTPException(418, f"No {number}")

    expose(router, events)


@case(
    "Handlers of a status code, of Exception and of ResponseValidationError",
    Call("GET", "/teapot/", status=200),
    Call("GET", "/nowhere/", status=404),
    Call("GET", "/broken/", status=503),
    Call("GET", "/misfit/", status=502),
)
def by_status(app: FastAPI, router: APIRouter) -> None:
    @app.exception_handler(418)
    def handle_teapot(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("tea")

    @app.exception_handler(404)
    def handle_missing(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("not here", status_code=404)

    @app.exception_handler(Exception)
    def handle_all(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse(f"caught {type(error).__name__}", status_code=503)

    @app.exception_handler(ResponseValidationError)
    def handle_misfit(request: Request, error: ResponseValidationError) -> JSONResponse:
        return JSONResponse([fault["loc"] for fault in error.errors()], status_code=502)

    @router.get("/teapot/")
    def read_teapot() -> None:
        raise HTTPException(418)

    @router.get("/broken/")
    def read_broken() -> None:
        raise KeyError("x")

    @router.get("/misfit/")
    def read_misfit() -> Item:
        return {"title": 1, "size": "x"}  # type: ignore[return-value]


async def unicorn_handler(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"handled": str(error)}, status_code=418)


@case(
    "Handlers are given to the app's constructor",
    Call("GET", "/", status=418),
    app=lambda: FastAPI(exception_handlers={UnicornError: unicorn_handler}),
)
def handlers_of_app(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read() -> None:
        raise UnicornError("x")


@case("A pydantic ValidationError in the route is a server error", Call("GET", "/", status=500))
def pydantic_error(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read() -> Item:
        return Item.model_validate({"title": "x"})


@case("A pydantic ValidationError has a handler", Call("GET", "/", status=400))
def pydantic_error_handled(app: FastAPI, router: APIRouter) -> None:
    @app.exception_handler(ValidationError)
    def handle(request: Request, error: ValidationError) -> JSONResponse:
        return JSONResponse({"count": error.error_count()}, status_code=400)

    @router.get("/")
    def read() -> Item:
        return Item.model_validate({})


@case("A route raises RequestValidationError", Call("POST", "/", json={"a": 1}, status=422))
def raised_by_route(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(payload: Annotated[dict[str, Any], Body()]) -> None:
        raise RequestValidationError([{"type": "own", "loc": ("body", "a"), "msg": "no", "input": payload["a"]}])


@case("A method that is not allowed", Call("POST", "/", status=405), Call("GET", "/"))
def wrong_method(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read() -> str:
        return "x"
