"""Bodies of one value, and bodies that are embedded, optional or default."""

from typing import Annotated

from fastapi import APIRouter, Body, FastAPI
from pydantic import BaseModel

from tests.conf.fastapi.base import JSON, Call, case


class Item(BaseModel):
    name: str
    description: str | None = None
    price: float
    tax: float | None = None


class User(BaseModel):
    username: str
    full_name: str | None = None


PEN = {"name": "pen", "price": 1.5}
ANN = {"username": "ann"}


@case(
    "A single body is embedded",
    Call("PUT", "/items/", json={"item": PEN}),
    Call("PUT", "/items/", json=PEN, status=422),
    Call("PUT", "/numbers/", json={"number": 3}),
    Call("PUT", "/numbers/", json=3, status=422),
    Call("PUT", "/numbers/", status=422),
)
def body_embed(app: FastAPI, router: APIRouter) -> None:
    @router.put("/items/")
    def update(item: Annotated[Item, Body(embed=True)]) -> Item:
        return item

    @router.put("/numbers/")
    def update_number(number: Annotated[int, Body(embed=True)]) -> int:
        return number


@case(
    "A body is optional",
    Call("POST", "/items/"),
    Call("POST", "/items/", json=PEN),
    Call("POST", "/items/", json={"name": 1}, status=422),
    Call("POST", "/items/", content=b"null", headers=JSON),
)
def body_optional(app: FastAPI, router: APIRouter) -> None:
    @router.post("/items/")
    def create(item: Item | None = None) -> dict[str, object]:
        return {"item": item}


@case(
    "A body has a default",
    Call("POST", "/numbers/"),
    Call("POST", "/numbers/", json=4),
    Call("POST", "/models/"),
    Call("POST", "/embedded/"),
    Call("POST", "/embedded/", json={}),
    Call("POST", "/embedded/", json={"b": 5}),
)
def body_default(app: FastAPI, router: APIRouter) -> None:
    @router.post("/numbers/")
    def create(number: Annotated[int, Body()] = 7) -> int:
        return number

    @router.post("/models/")
    def create_model(user: User = User(username="nobody")) -> User:  # noqa: B008
        return user

    @router.post("/embedded/")
    def create_embedded(a: Annotated[int, Body()] = 1, b: Annotated[int, Body()] = 2) -> list[int]:
        return [a, b]


@case(
    "A number is the body and has a constraint",
    Call("POST", "/numbers/", json=1, status=422),
    Call("POST", "/numbers/", json=5),
    Call("POST", "/numbers/", json="5"),
    Call("POST", "/numbers/", json="five", status=422),
)
def body_number(app: FastAPI, router: APIRouter) -> None:
    @router.post("/numbers/")
    def create(number: Annotated[int, Body(ge=3)]) -> int:
        return number


@case(
    "A string is the body and has constraints",
    Call("POST", "/words/", json="hello"),
    Call("POST", "/words/", json="h", status=422),
    Call("POST", "/words/", json=12345, status=422),
    Call("POST", "/words/", content=b"hello", headers={"content-type": "text/plain"}),
)
def body_string(app: FastAPI, router: APIRouter) -> None:
    @router.post("/words/")
    def create(word: Annotated[str, Body(min_length=2, pattern="^[a-z]+$")]) -> str:
        return word


@case(
    "A list is the body and has constraints",
    Call("POST", "/items/", json=[PEN]),
    Call("POST", "/items/", json=[], status=422),
    Call("POST", "/items/", json=[PEN, {"name": "x"}, {}], status=422),
    Call("POST", "/numbers/", json=[1, 2]),
    Call("POST", "/numbers/", json=[1, 2, 3], status=422),
)
def body_list(app: FastAPI, router: APIRouter) -> None:
    @router.post("/items/")
    def create(items: Annotated[list[Item], Body(min_length=1)]) -> list[Item]:
        return items

    @router.post("/numbers/")
    def create_numbers(numbers: Annotated[list[int], Body(max_length=2)]) -> list[int]:
        return numbers


@case("A body has an alias", Call("POST", "/", json={"item-name": "x", "b": 1}), Call("POST", "/", json={}, status=422))
def body_alias(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(name: Annotated[str, Body(alias="item-name")], b: Annotated[int, Body()]) -> list[object]:
        return [name, b]
