"""Query parameters."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Query
from pydantic import AfterValidator, BaseModel, Field, Json

from tests.conf.fastapi.base import Call, case


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@case(
    "Query parameters have defaults",
    Call("GET", "/rows/"),
    Call("GET", "/rows/?skip=2"),
    Call("GET", "/rows/?skip=1&limit=1"),
    Call("GET", "/rows/?skip=", status=422),
    Call("GET", "/rows/?skip=two&limit=three", status=422),
)
def query_defaults(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(skip: int = 0, limit: int = 10) -> list[str]:
        return ["a", "b", "c"][skip : skip + limit]


@case("Query parameters are optional", Call("GET", "/rows/"), Call("GET", "/rows/?q=x"), Call("GET", "/rows/?q="))
def query_optional(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(q: str | None = None) -> dict[str, str | None]:
        return {"q": q}


@case(
    "A query parameter is required",
    Call("GET", "/rows/?needle=x"),
    Call("GET", "/rows/", status=422),
    Call("GET", "/rows/?needle="),
)
def query_required(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(needle: str) -> dict[str, str]:
        return {"needle": needle}


@case("A query parameter is required and may be None", Call("GET", "/rows/?q=x"), Call("GET", "/rows/", status=422))
def query_required_nullable(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(q: Annotated[str | None, Query(min_length=1)]) -> dict[str, str | None]:
        return {"q": q}


@case(
    "A query parameter is a boolean",
    *(Call("GET", f"/flags/?short={word}") for word in ("1", "True", "on", "yes", "0", "off", "NO", "false")),
    Call("GET", "/flags/?short=2", status=422),
    Call("GET", "/flags/"),
)
def query_bool(app: FastAPI, router: APIRouter) -> None:
    @router.get("/flags/")
    def read(short: bool = False) -> bool:
        return short


@case(
    "A query parameter is a list",
    Call("GET", "/tags/?q=a&q=b"),
    Call("GET", "/tags/"),
    Call("GET", "/tags/defaults/"),
    Call("GET", "/tags/defaults/?q=x"),
    Call("GET", "/tags/numbers/?n=1&n=2"),
    Call("GET", "/tags/numbers/?n=1&n=b&n=c", status=422),
    Call("GET", "/tags/numbers/", status=422),
    Call("GET", "/tags/plain/?q=1&q=b"),
)
def query_list(app: FastAPI, router: APIRouter) -> None:
    @router.get("/tags/")
    def read(q: Annotated[list[str] | None, Query()] = None) -> dict[str, object]:
        return {"q": q}

    @router.get("/tags/defaults/")
    def read_defaults(q: Annotated[list[str], Query()] = ["foo", "bar"]) -> list[str]:  # noqa: B006
        return q

    @router.get("/tags/numbers/")
    def read_numbers(n: Annotated[list[int], Query(max_length=3)]) -> list[int]:
        return n

    @router.get("/tags/plain/")
    def read_plain(q: Annotated[list, Query()]) -> list:  # type: ignore[type-arg]
        return q


@case("A query parameter is a set or a tuple", Call("GET", "/sets/?n=1&n=1"), Call("GET", "/tuples/?n=1&n=2"))
def query_set(app: FastAPI, router: APIRouter) -> None:
    @router.get("/sets/")
    def read_set(n: Annotated[set[int], Query()]) -> set[int]:
        return n

    @router.get("/tuples/")
    def read_tuple(n: Annotated[tuple[int, ...], Query()]) -> tuple[int, ...]:
        return n


@case("The last value of a repeated query parameter is used", Call("GET", "/rows/?q=a&q=b"))
def query_repeated(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(q: str) -> str:
        return q


@case(
    "A query parameter has an alias",
    Call("GET", "/rows/?row-query=x"),
    Call("GET", "/rows/?q=x"),
    Call("GET", "/rows/?row-query=xxxxxxx", status=422),
)
def query_alias(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(q: Annotated[str | None, Query(alias="row-query", max_length=5)] = None) -> dict[str, str | None]:
        return {"q": q}


@case("A query parameter is deprecated or not in the schema", Call("GET", "/rows/?q=x&hidden=y"), Call("GET", "/rows/"))
def query_deprecated(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(
        q: Annotated[str | None, Query(title="Query", description="What", deprecated=True)] = None,
        hidden: Annotated[str | None, Query(include_in_schema=False)] = None,
    ) -> dict[str, str | None]:
        return {"q": q, "hidden": hidden}


@case(
    "Strings in the query have constraints",
    Call("GET", "/rows/?q=fixedquery"),
    Call("GET", "/rows/?q=ab", status=422),
    Call("GET", "/rows/?q=nonregex", status=422),
    Call("GET", "/rows/"),
)
def query_string_constraints(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(
        q: Annotated[str | None, Query(min_length=3, max_length=50, pattern="^fixedquery$")] = None,
    ) -> dict[str, str | None]:
        return {"q": q}


@case(
    "Numbers in the query have constraints",
    Call("GET", "/rows/?size=2.5&step=4"),
    Call("GET", "/rows/?size=0&step=3", status=422),
    Call("GET", "/rows/?size=nan&step=2", status=422),
)
def query_number_constraints(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(
        size: Annotated[float, Query(gt=0, lt=10.5, allow_inf_nan=False)],
        step: Annotated[int, Query(multiple_of=2)],
    ) -> list[float]:
        return [size, step]


@case("Query() is given as the default", Call("GET", "/rows/?q=abc"), Call("GET", "/rows/?q=a", status=422))
def query_old_style(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(q: str = Query(default="abc", min_length=3)) -> str:
        return q


@case(
    "A query parameter is an enum, a literal or a date",
    Call("GET", "/rows/?colour=red&order=up&day=2024-02-29"),
    Call("GET", "/rows/?colour=pink&order=left&day=2023-02-29", status=422),
)
def query_enum(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(colour: Colour, order: Literal["up", "down"], day: date) -> dict[str, object]:
        return {"colour": colour, "order": order, "day": day}


@case(
    "A query parameter has a validator of its own",
    Call("GET", "/books/?code=isbn-1"),
    Call("GET", "/books/?code=wrong", status=422),
    Call("GET", "/books/"),
)
def query_validator(app: FastAPI, router: APIRouter) -> None:
    def begins(code: str) -> str:
        if not code.startswith(("isbn-", "imdb-")):
            raise ValueError("it must begin with isbn- or imdb-")
        return code.upper()

    @router.get("/books/")
    def read(code: Annotated[str | None, AfterValidator(begins)] = None) -> dict[str, str | None]:
        return {"code": code}


@case("A query parameter has a default_factory", Call("GET", "/"), Call("GET", "/?q=x&q=y"))
def query_factory(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(q: Annotated[list[str], Query(default_factory=lambda: ["made"])]) -> list[str]:
        return q


@case("A query parameter is JSON", Call("GET", "/?q=[1,2]"), Call("GET", "/?q=[", status=422))
def query_json(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(q: Annotated[Json[list[int]], Query()]) -> list[int]:
        return q


class Filter(BaseModel):
    limit: int = Field(100, gt=0, le=100)
    offset: int = Field(0, ge=0)
    order_by: Literal["created_at", "updated_at"] = "created_at"
    tags: list[str] = []


class StrictFilter(BaseModel):
    model_config = {"extra": "forbid"}

    limit: int = 10
    sort: str = Field(default="name", alias="sortBy")


@case(
    "A model holds the query parameters",
    Call("GET", "/rows/"),
    Call("GET", "/rows/?limit=5&offset=2&order_by=updated_at&tags=a&tags=b&unknown=1"),
    Call("GET", "/rows/?limit=0&offset=-1&order_by=x", status=422),
)
def query_model(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(filters: Annotated[Filter, Query()]) -> Filter:
        return filters


@case(
    "A model of query parameters forbids other parameters",
    Call("GET", "/rows/?limit=5&sortBy=age"),
    Call("GET", "/rows/?limit=5&tool=plumbus", status=422),
)
def query_model_forbid(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    def read(filters: Annotated[StrictFilter, Query()]) -> dict[str, object]:
        return filters.model_dump()


@case(
    "An async route with query parameters and a model of them",
    Call("GET", "/rows/?q=x"),
    Call("GET", "/rows/", status=422),
    Call("GET", "/models/?limit=3"),
)
def query_async(app: FastAPI, router: APIRouter) -> None:
    @router.get("/rows/")
    async def read(q: str, limit: int = 3) -> list[object]:
        return [q, limit]

    @router.get("/models/")
    async def read_model(filters: Annotated[Filter, Query()]) -> Filter:
        return filters
