"""Response models: which fields are sent, and under which names."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID

from fastapi import APIRouter, FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    computed_field,
    field_serializer,
)
from pydantic.alias_generators import to_camel

from tests.conf.fastapi.base import Call, case


class Item(BaseModel):
    name: str
    description: str | None = None
    price: float = 1
    tax: float = 10.5
    tags: list[str] = []


ITEMS: dict[str, dict[str, Any]] = {
    "foo": {"name": "Foo", "price": 50.2},
    "bar": {"name": "Bar", "description": None, "price": 62, "tax": 10.5},
    "baz": {"name": "Baz", "description": "of baz", "price": 50.2, "tax": 20, "tags": ["a"]},
}
THREE = tuple(Call("GET", f"/items/{name}") for name in ITEMS)


@case("response_model_exclude_unset", *THREE, Call("GET", "/all/"))
def exclude_unset(app: FastAPI, router: APIRouter) -> None:
    @router.get("/items/{name}", response_model=Item, response_model_exclude_unset=True)
    def read(name: str) -> Any:
        return ITEMS[name]

    @router.get("/all/", response_model_exclude_unset=True)
    def read_all() -> list[Item]:
        return [Item(**item) for item in ITEMS.values()]


@case("response_model_exclude_defaults", *THREE)
def exclude_defaults(app: FastAPI, router: APIRouter) -> None:
    @router.get("/items/{name}", response_model=Item, response_model_exclude_defaults=True)
    def read(name: str) -> Any:
        return ITEMS[name]


@case("response_model_exclude_none", *THREE)
def exclude_none(app: FastAPI, router: APIRouter) -> None:
    @router.get("/items/{name}", response_model_exclude_none=True)
    def read(name: str) -> Item:
        return Item(**ITEMS[name])


@case("response_model_include and response_model_exclude", *THREE, Call("GET", "/public/baz"), Call("GET", "/list/"))
def include_exclude(app: FastAPI, router: APIRouter) -> None:
    @router.get("/items/{name}", response_model=Item, response_model_include={"name", "description"})
    def read(name: str) -> Any:
        return ITEMS[name]

    @router.get("/public/{name}", response_model=Item, response_model_exclude={"tax"})
    def read_public(name: str) -> Any:
        return ITEMS[name]

    @router.get("/list/", response_model=Item, response_model_include=["name", "price"])  # type: ignore[arg-type]
    def read_list() -> Any:
        return ITEMS["foo"]


@case("Nested fields are included and excluded", Call("GET", "/in/"), Call("GET", "/ex/"))
def include_nested(app: FastAPI, router: APIRouter) -> None:
    class Order(BaseModel):
        item: Item
        count: int = 1

    order = Order(item=Item(name="a"))

    @router.get("/in/", response_model_include={"item": {"name"}})
    def read_in() -> Order:
        return order

    @router.get("/ex/", response_model_exclude={"item": {"tags", "tax"}, "count": True})
    def read_ex() -> Order:
        return order


class Person(BaseModel):
    name: str = Field(alias="fullName")
    age: int = 1


@case("response_model_by_alias", Call("GET", "/alias/"), Call("GET", "/name/"), Call("GET", "/list/"))
def by_alias(app: FastAPI, router: APIRouter) -> None:
    @router.get("/alias/")
    def read_alias() -> Person:
        return Person(fullName="Ann")

    @router.get("/name/", response_model_by_alias=False)
    def read_name() -> Person:
        return Person(fullName="Ann")

    @router.get("/list/", response_model=list[Person], response_model_by_alias=False)
    def read_list() -> Any:
        return [{"fullName": "Ann"}]


@case(
    "Camel case aliases both ways",
    Call("POST", "/", json={"firstName": "a", "lastName": "b"}),
    Call("POST", "/", json={"first_name": "a", "last_name": "b"}),
    Call("POST", "/", json={"firstName": "a"}, status=422),
)
def camel(app: FastAPI, router: APIRouter) -> None:
    class Name(BaseModel):
        model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
        first_name: str
        last_name: str

    @router.post("/")
    def create(name: Name) -> Name:
        return name


@case(
    "Validation and serialization aliases",
    Call("POST", "/", json={"in_name": "a", "b1": 1}),
    Call("POST", "/", json={"in_name": "a", "b2": 2}),
    Call("POST", "/", json={"out_name": "a", "b1": 1}, status=422),
)
def two_aliases(app: FastAPI, router: APIRouter) -> None:
    class Both(BaseModel):
        name: str = Field(validation_alias="in_name", serialization_alias="out_name")
        b: int = Field(validation_alias=AliasChoices("b1", "b2"))

    @router.post("/", response_model=None)
    def create(both: Both) -> Any:
        return both


@case("Computed fields and serializers", Call("GET", "/"), Call("GET", "/list/"), Call("GET", "/without/"))
def computed(app: FastAPI, router: APIRouter) -> None:
    class Box(BaseModel):
        width: int
        height: int
        secret: str = Field(default="s", exclude=True)

        @computed_field(alias="areaOfIt")  # type: ignore[prop-decorator]
        @property
        def area(self) -> int:
            return self.width * self.height

        @field_serializer("width")
        def in_cm(self, width: int) -> str:
            return f"{width} cm"

    @router.get("/")
    def read() -> Box:
        return Box(width=2, height=3)

    @router.get("/list/")
    def read_list() -> list[Box]:
        return [Box(width=2, height=3)]

    @router.get("/without/", response_model_exclude={"area"})
    def read_without() -> Box:
        return Box(width=2, height=3)


class Level(IntEnum):
    LOW = 1


VALUES: dict[str, Any] = {
    "when": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
    "long": timedelta(minutes=1, microseconds=5),
    "key": UUID(int=5),
    "price": Decimal("1.10"),
    "level": Level.LOW,
    "raw": b"bytes",
    "names": frozenset({"a"}),
}


class Values(BaseModel):
    when: datetime
    long: timedelta
    key: UUID
    price: Decimal
    level: Level
    raw: bytes
    names: frozenset[str]


@case(
    "Special types in a response",
    *(Call("GET", f"/{way}/") for way in ("model", "dict", "any", "bare", "encoder", "async")),
)
def special_types(app: FastAPI, router: APIRouter) -> None:
    @router.get("/model/")
    def read_model() -> Values:
        return Values(**VALUES)

    @router.get("/dict/")
    def read_dict() -> dict[str, Any]:
        return VALUES

    @router.get("/any/", response_model=Any)
    def read_any() -> Any:
        return VALUES

    @router.get("/bare/")
    def read_bare():  # type: ignore[no-untyped-def]
        return VALUES

    @router.get("/encoder/")
    def read_encoder() -> JSONResponse:
        return JSONResponse(jsonable_encoder(Values(**VALUES), exclude={"raw"}))

    @router.get("/async/")
    async def read_async() -> Values:
        return Values(**VALUES)


@case("The parameters of a response model at an async route", *THREE)
def fields_async(app: FastAPI, router: APIRouter) -> None:
    @router.get("/items/{name}", response_model=Item, response_model_exclude_unset=True, response_model_exclude={"tax"})
    async def read(name: str) -> Any:
        return ITEMS[name]


@case(
    "A root model is a body and a response", Call("POST", "/", json=[1, 2]), Call("POST", "/", json=["a"], status=422)
)
def root_model(app: FastAPI, router: APIRouter) -> None:
    from pydantic import RootModel

    class Numbers(RootModel[list[int]]):
        pass

    @router.post("/")
    def create(numbers: Numbers) -> Numbers:
        return Numbers([*numbers.root, sum(numbers.root)])
