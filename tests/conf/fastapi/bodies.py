"""Bodies: models, single values, several parameters, content types."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, FastAPI, Path
from pydantic import BaseModel, Field, HttpUrl

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
    "A model is the body",
    Call("POST", "/items/", json=PEN),
    Call("POST", "/items/", json=PEN | {"tax": 0.5, "unknown": 1}),
    Call("POST", "/items/", json={"name": "pen"}, status=422),
    Call("POST", "/items/", json={"name": None, "price": "much"}, status=422),
    Call("POST", "/items/", json=["pen"], status=422),
)
def body_model(app: FastAPI, router: APIRouter) -> None:
    @router.post("/items/")
    def create(item: Item) -> dict[str, object]:
        known = item.model_dump()
        if item.tax is not None:
            known["total"] = item.price + item.tax
        return known


@case(
    "Body, path and query together",
    Call("PUT", "/items/3?q=x", json=PEN),
    Call("PUT", "/items/x", json={}, status=422),
)
def body_path_query(app: FastAPI, router: APIRouter) -> None:
    @router.put("/items/{item_id}")
    def update(item_id: Annotated[int, Path(ge=0, le=1000)], item: Item, q: str | None = None) -> dict[str, object]:
        return {"item_id": item_id, "q": q, **item.model_dump()}


@case(
    "A body is missing, empty, null or not JSON",
    Call("POST", "/items/", status=422),
    Call("POST", "/items/", content=b"", headers=JSON, status=422),
    Call("POST", "/items/", content=b"null", headers=JSON, status=422),
    Call("POST", "/items/", content=b'{"name": ', headers=JSON, status=422),
    Call("POST", "/items/", content=b"{name: 1}", headers=JSON, status=422),
    Call("POST", "/items/", content=b'{"name": "\xff"}', headers=JSON, status=400),
)
def body_broken(app: FastAPI, router: APIRouter) -> None:
    @router.post("/items/")
    def create(item: Item) -> Item:
        return item


@case(
    "The content type of the body",
    Call("POST", "/items/", content=b'{"name": "a", "price": 1}', headers={"content-type": "application/geo+json"}),
    Call("POST", "/items/", content=b'{"name": "a", "price": 1}', headers={"content-type": "text/plain"}, status=422),
    Call("POST", "/items/", content=b'{"name": "a", "price": 1}', status=422),
    Call(
        "POST",
        "/items/",
        content=b'{"name": "a", "price": 1}',
        headers={"content-type": "application/json; charset=utf-8"},
    ),
)
def body_content_type(app: FastAPI, router: APIRouter) -> None:
    @router.post("/items/")
    def create(item: Item) -> Item:
        return item


@case(
    "A body without content type is accepted without strict_content_type",
    Call("POST", "/items/", content=b'{"name": "a", "price": 1}'),
    Call("POST", "/items/", content=b"{", status=422),
    app=lambda: FastAPI(strict_content_type=False),
)
def body_lenient_content_type(app: FastAPI, router: APIRouter) -> None:
    @router.post("/items/")
    def create(item: Item) -> Item:
        return item


@case(
    "Two models are the body",
    Call("PUT", "/items/", json={"item": PEN, "user": ANN}),
    Call("PUT", "/items/", json={"item": PEN}, status=422),
    Call("PUT", "/items/", json=PEN, status=422),
    Call("PUT", "/items/", json=[1], status=422),
    Call("PUT", "/items/", status=422),
    Call("PUT", "/items/", content=b"{]", headers=JSON, status=422),
)
def body_two(app: FastAPI, router: APIRouter) -> None:
    @router.put("/items/")
    def update(item: Item, user: User) -> dict[str, object]:
        return {"item": item, "user": user}


@case(
    "Models and single values are the body",
    Call("PUT", "/items/", json={"item": PEN, "importance": 5}),
    Call("PUT", "/items/?q=x", json={"item": PEN, "importance": 5, "user": ANN}),
    Call("PUT", "/items/", json={"item": PEN, "importance": 0}, status=422),
    Call("PUT", "/items/", json={"importance": "high"}, status=422),
)
def body_singular(app: FastAPI, router: APIRouter) -> None:
    @router.put("/items/")
    def update(
        item: Item, importance: Annotated[int, Body(gt=0)], user: User | None = None, q: str | None = None
    ) -> dict[str, object]:
        return {"item": item, "importance": importance, "user": user, "q": q}


@case(
    "A dependency reads the body",
    Call("POST", "/items/", json=PEN),
    Call("POST", "/items/", json={}, status=422),
    Call("POST", "/both/", json={"item": PEN, "user": ANN}),
    Call("POST", "/both/", json={"item": PEN}, status=422),
)
def body_in_dependency(app: FastAPI, router: APIRouter) -> None:
    def price_of(item: Item) -> float:
        return item.price

    @router.post("/items/")
    def create(price: Annotated[float, Depends(price_of)]) -> float:
        return price

    @router.post("/both/")
    def create_both(price: Annotated[float, Depends(price_of)], user: User) -> list[object]:
        return [price, user]


@case("One body is read by the route and by its dependency", Call("POST", "/items/", json=PEN))
def body_shared(app: FastAPI, router: APIRouter) -> None:
    def name_of(item: Item) -> str:
        return item.name

    @router.post("/items/")
    def create(item: Item, name: Annotated[str, Depends(name_of)]) -> list[object]:
        return [name, item]


@case(
    "Fields of a model have constraints, defaults and types",
    Call("POST", "/", json={"name": "a", "price": 3, "url": "https://example.com/a"}),
    Call("POST", "/", json={"name": "abcd", "price": 0, "url": "no"}, status=422),
)
def body_fields(app: FastAPI, router: APIRouter) -> None:
    class Image(BaseModel):
        name: str = Field(max_length=3, examples=["a"])
        price: float = Field(gt=0, description="more than nothing")
        url: HttpUrl
        tags: set[str] = set()

    @router.post("/")
    def create(image: Image) -> Image:
        return image


@case(
    "A PATCH updates only the fields that are set",
    Call("PATCH", "/items/", json={"price": 9}),
    Call("PATCH", "/items/", json={"price": 9, "description": None}),
)
def body_patch(app: FastAPI, router: APIRouter) -> None:
    class Change(BaseModel):
        name: str | None = None
        description: str | None = "old"
        price: float | None = None

    @router.patch("/items/")
    def change(item: Change) -> Item:
        stored = Item(name="pen", description="blue", price=1)
        return stored.model_copy(update=item.model_dump(exclude_unset=True))


@case(
    "An async route with a body",
    Call("POST", "/items/", json=PEN),
    Call("POST", "/items/", json={}, status=422),
    Call("POST", "/items/", content=b"{", headers=JSON, status=422),
    Call("POST", "/both/", json={"item": PEN, "user": ANN}),
)
def body_async(app: FastAPI, router: APIRouter) -> None:
    @router.post("/items/")
    async def create(item: Item) -> Item:
        return item

    @router.post("/both/")
    async def create_both(item: Item, user: User) -> dict[str, object]:
        return {"item": item, "user": user}
