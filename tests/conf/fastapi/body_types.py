"""Bodies: types of values."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, FastAPI
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from tests.conf.fastapi.base import Call, case


class Image(BaseModel):
    url: str
    name: str


class Offer(BaseModel):
    name: str
    images: list[Image] | None = None
    parts: dict[str, Image] = {}
    best: Image | None = None


@case(
    "Models within models",
    Call("POST", "/", json={"name": "a", "images": [{"url": "u", "name": "n"}], "best": {"url": "u", "name": "n"}}),
    Call("POST", "/", json={"name": "a", "images": [{"url": "u"}, 3], "parts": {"x": {}}}, status=422),
)
def nested(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(offer: Offer) -> Offer:
        return offer


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    barks: bool


def kind_of(value: Any) -> str:
    return str(value.get("kind") if isinstance(value, dict) else value.kind)


@case(
    "A discriminated union is the body",
    Call("POST", "/fields/", json={"kind": "cat"}),
    Call("POST", "/fields/", json={"kind": "dog", "barks": 1}),
    Call("POST", "/fields/", json={"kind": "dog"}, status=422),
    Call("POST", "/fields/", json={"kind": "cow"}, status=422),
    Call("POST", "/fields/", json={}, status=422),
    Call("POST", "/functions/", json={"kind": "cat", "lives": 3}),
    Call("POST", "/functions/", json={"kind": "cow"}, status=422),
)
def discriminated(app: FastAPI, router: APIRouter) -> None:
    @router.post("/fields/")
    def create(pet: Annotated[Cat | Dog, Body(discriminator="kind")]) -> dict[str, object]:
        return {"class": type(pet).__name__, "pet": pet}

    @router.post("/functions/")
    def create_by_function(
        pet: Annotated[Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")], Discriminator(kind_of), Body()],
    ) -> dict[str, object]:
        return {"class": type(pet).__name__, "pet": pet}


@case(
    "A plain union is the body",
    Call("POST", "/", json={"kind": "dog", "barks": False}),
    Call("POST", "/", json={"url": "u", "name": "n"}),
    Call("POST", "/", json={"kind": "x"}, status=422),
)
def union(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(thing: Dog | Image) -> Dog | Image:
        return thing


@case(
    "A dict is the body",
    Call("POST", "/weights/", json={"1": 1.5, "2": 2}),
    Call("POST", "/weights/", json={"one": 1.5}, status=422),
    Call("POST", "/plain/", json={"a": [1, None]}),
    Call("POST", "/plain/", json=[1], status=422),
    Call("POST", "/any/", json=[1, "a"]),
)
def dicts(app: FastAPI, router: APIRouter) -> None:
    @router.post("/weights/")
    def create(weights: dict[int, float]) -> dict[int, float]:
        return weights

    @router.post("/plain/")
    def create_plain(payload: dict[str, Any]) -> dict[str, Any]:
        return payload

    @router.post("/any/")
    def create_any(payload: Annotated[Any, Body()]) -> Any:
        return payload


@case(
    "Times, durations and ids are in the body",
    Call(
        "PUT",
        "/",
        json={
            "key": "5f0b3f2e-7a0b-4d8b-9a52-1f6f2b8b1f11",
            "start": "2024-01-01T10:00:00Z",
            "day": "2024-02-29",
            "at": "14:23:55.003",
            "after": 90.5,
        },
    ),
    Call("PUT", "/", json={"key": "1", "start": "x", "day": "2023-02-29", "at": "25:00", "after": "P1"}, status=422),
)
def extra_types(app: FastAPI, router: APIRouter) -> None:
    @router.put("/")
    def update(
        key: Annotated[UUID, Body()],
        start: Annotated[datetime, Body()],
        day: Annotated[date, Body()],
        at: Annotated[time, Body()],
        after: Annotated[timedelta, Body()],
    ) -> dict[str, Any]:
        return {"key": key, "begins": start + after, "day": day, "at": at, "after": after}


@case(
    "Sets, frozensets, tuples, bytes and decimals are in the body",
    Call("POST", "/", json={"a": [1, 1], "b": ["x"], "c": [1, "y"], "d": "raw", "e": "1.10"}),
    Call("POST", "/", json={"a": 1, "b": {}, "c": [1], "d": 5, "e": "one"}, status=422),
)
def containers(app: FastAPI, router: APIRouter) -> None:
    class Mixed(BaseModel):
        a: set[int]
        b: frozenset[str]
        c: tuple[int, str]
        d: bytes
        e: Decimal = Field(max_digits=5, decimal_places=2)

    @router.post("/")
    def create(mixed: Mixed) -> Mixed:
        return mixed


@case(
    "A set, a tuple or another single value is the body",
    Call("POST", "/set/", json=["a", "a"]),
    Call("POST", "/frozenset/", json=[1]),
    Call("POST", "/tuple/", json=[1, "a"]),
    Call("POST", "/tuple/", json=[1], status=422),
    Call("POST", "/decimal/", json="1.50"),
    Call("POST", "/duration/", json="PT90S"),
    Call("POST", "/uuids/", json=["5f0b3f2e-7a0b-4d8b-9a52-1f6f2b8b1f11"]),
)
def whole_containers(app: FastAPI, router: APIRouter) -> None:
    @router.post("/set/")
    def create_set(values: set[str]) -> set[str]:
        return values

    @router.post("/frozenset/")
    def create_frozenset(values: frozenset[int]) -> frozenset[int]:
        return values

    @router.post("/tuple/")
    def create_tuple(values: tuple[int, str]) -> tuple[int, str]:
        return values

    @router.post("/decimal/")
    def create_decimal(value: Annotated[Decimal, Body()]) -> Decimal:
        return value

    @router.post("/duration/")
    def create_duration(value: Annotated[timedelta, Body()]) -> timedelta:
        return value

    @router.post("/uuids/")
    def create_uuids(values: list[UUID]) -> list[UUID]:
        return values


@case(
    "Raw bytes are the body",
    Call("POST", "/", content=b"\x00\x01abc", headers={"content-type": "application/octet-stream"}),
    Call("POST", "/", status=422),
)
def raw_bytes(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(data: Annotated[bytes, Body(media_type="application/octet-stream")]) -> dict[str, int]:
        return {"size": len(data)}


@dataclass
class Part:
    name: str
    size: int = 1


@dataclass
class Machine:
    name: str
    parts: list[Part] = field(default_factory=list)
    note: str | None = None


@case(
    "A dataclass is the body",
    Call("POST", "/", json={"name": "m", "parts": [{"name": "p"}]}),
    Call("POST", "/", json={"parts": [{}]}, status=422),
)
def dataclass_body(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(machine: Machine) -> Machine:
        machine.parts.append(Part("added", 2))
        return machine


class Point(TypedDict):
    x: int
    y: int


@case("A TypedDict is the body", Call("POST", "/", json={"x": 1, "y": 2}), Call("POST", "/", json={"x": 1}, status=422))
def typed_dict(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(point: Point) -> Point:
        return {"x": point["y"], "y": point["x"]}


@case(
    "A model has validators and aliases",
    Call("POST", "/", json={"firstName": "Ann", "pass1": "a", "pass2": "a"}),
    Call("POST", "/", json={"first_name": "Ann", "pass1": "a", "pass2": "b"}, status=422),
    Call("POST", "/", json={"firstName": "ann", "pass1": "a", "pass2": "a"}, status=422),
    Call("POST", "/", json={"firstName": "Ann", "pass1": "a", "pass2": "b"}, status=422),
)
def validators(app: FastAPI, router: APIRouter) -> None:
    class Person(BaseModel):
        name: str = Field(alias="firstName")
        pass1: str
        pass2: str

        @field_validator("name")
        @classmethod
        def is_title(cls, name: str) -> str:
            if not name.istitle():
                raise ValueError("it must begin with a capital")
            return name

        @model_validator(mode="after")
        def is_same(self) -> "Person":
            if self.pass1 != self.pass2:
                raise ValueError("they differ")
            return self

    @router.post("/")
    def create(person: Person) -> dict[str, str]:
        return {"name": person.name}


@case(
    "A model forbids or allows other fields",
    Call("POST", "/strict/", json={"a": 1}),
    Call("POST", "/strict/", json={"a": 1, "b": 2}, status=422),
    Call("POST", "/strict/", json={"a": "1"}, status=422),
    Call("POST", "/open/", json={"a": 1, "b": 2}),
)
def extra_fields(app: FastAPI, router: APIRouter) -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        a: int

    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        a: int

    @router.post("/strict/")
    def create_strict(body: Strict) -> Strict:
        return body

    @router.post("/open/")
    def create_open(body: Open) -> Open:
        return body
