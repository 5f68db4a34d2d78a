"""Status codes, headers, cookies and classes of responses."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Response, status
from fastapi.responses import (
    JSONResponse,
    PlainTextResponse,
)
from pydantic import BaseModel

from tests.conf.fastapi.base import Call, case


class Item(BaseModel):
    name: str


@case(
    "The decorator has a status code",
    Call("POST", "/created/", json={"name": "a"}, status=201),
    Call("DELETE", "/gone/", status=204),
    Call("DELETE", "/gone-with-null/", status=204),
    Call("POST", "/accepted/", status=202),
    Call("POST", "/reset/", status=205),
    Call("GET", "/teapot/", status=418),
)
def status_code(app: FastAPI, router: APIRouter) -> None:
    @router.post("/created/", status_code=201)
    def create(item: Item) -> Item:
        return item

    @router.delete("/gone/", status_code=status.HTTP_204_NO_CONTENT)
    def delete() -> None:
        return None

    @router.delete("/gone-with-null/", status_code=204)
    def delete_untyped():  # type: ignore[no-untyped-def]
        return None

    @router.post("/accepted/", status_code=202, response_model=None)
    async def accept() -> None:
        return None

    @router.post("/reset/", status_code=205)
    def reset() -> None:
        return None

    @router.get("/teapot/", status_code=418)
    def brew() -> str:
        return "short and stout"


@case(
    "The route changes the status code",
    Call("PUT", "/tasks/foo"),
    Call("PUT", "/tasks/new", status=201),
    Call("PUT", "/async/new", status=201),
    Call("DELETE", "/tasks/foo", status=204),
    Call("GET", "/dependent/", status=203),
)
def status_changed(app: FastAPI, router: APIRouter) -> None:
    tasks = {"foo": "Listen"}

    @router.put("/tasks/{key}")
    def put(key: str, response: Response) -> str:
        if key not in tasks:
            response.status_code = 201
        return tasks.get(key, "made")

    @router.put("/async/{key}", status_code=200)
    async def put_async(key: str, response: Response) -> str:
        response.status_code = status.HTTP_201_CREATED
        return key

    @router.delete("/tasks/{key}")
    def delete(key: str, response: Response) -> None:
        response.status_code = 204

    def informal(response: Response) -> None:
        response.status_code = 203

    @router.get("/dependent/", dependencies=[Depends(informal)])
    def read() -> str:
        return "x"


@case("The Response parameter sets headers and cookies", Call("GET", "/"), Call("GET", "/async/"), Call("GET", "/"))
def headers_set(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(response: Response) -> dict[str, str]:
        response.headers["X-Cat-Dog"] = "alone in the world"
        response.headers.append("x-many", "1")
        response.headers.append("x-many", "2")
        response.set_cookie("fakesession", "value", httponly=True, samesite="strict")
        response.set_cookie("old", "", max_age=0)
        return {"message": "set"}

    @router.get("/async/")
    async def read_async(response: Response) -> dict[str, str]:
        response.headers["X-A"] = "b"
        response.set_cookie("other", "value", path="/x")
        return {"message": "set"}


@case("A dependency sets headers and cookies", Call("GET", "/"), Call("GET", "/direct/"))
def headers_in_dependency(app: FastAPI, router: APIRouter) -> None:
    def inner(response: Response) -> str:
        response.headers["x-order"] = "inner"
        response.headers["x-inner"] = "1"
        return "inner"

    def outer(response: Response, name: Annotated[str, Depends(inner)]) -> str:
        response.headers["x-order"] += ", outer"
        response.set_cookie("from", "dependency")
        return name

    @router.get("/")
    def read(response: Response, name: Annotated[str, Depends(outer)]) -> dict[str, str]:
        response.headers["x-order"] += ", route"
        return {"name": name}

    @router.get("/direct/", dependencies=[Depends(outer)])
    def read_direct() -> Response:
        return PlainTextResponse("dependencies' headers are not in it")


@case("The route sets headers twice, or headers that Campus also sets", Call("GET", "/"), Call("GET", "/cache/"))
def headers_overridden(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(response: Response) -> dict[str, int]:
        response.headers["content-language"] = "de"
        response.headers["content-language"] = "fr"
        return {"a": 1}

    @router.get("/cache/")
    def read_cache(response: Response) -> dict[str, int]:
        response.headers["Cache-Control"] = "max-age=60"
        response.headers["ETag"] = '"abc"'
        return {"a": 1}


@case("Additional responses are declared", Call("GET", "/items/1"), Call("GET", "/items/2", status=404))
def additional(app: FastAPI, router: APIRouter) -> None:
    class Message(BaseModel):
        message: str

    @router.get("/items/{number}", response_model=Item, responses={404: {"model": Message}}, summary="An item")
    def read(number: int) -> Any:
        if number == 1:
            return {"name": "one", "more": 1}
        return JSONResponse({"message": "no such item"}, status_code=404)
