"""Path parameters."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, FastAPI, Path

from tests.conf.fastapi.base import Call, case


class Metal(StrEnum):
    IRON = "iron"
    ZINC = "zinc"


@case("A path parameter without a type is a string", Call("GET", "/birds/7"), Call("GET", "/birds/a%20b"))
def path_untyped(app: FastAPI, router: APIRouter) -> None:
    @router.get("/birds/{bird}")
    def read(bird):  # type: ignore[no-untyped-def]
        return {"bird": bird}


@case(
    "A path parameter is an integer",
    Call("GET", "/birds/7"),
    Call("GET", "/birds/wren", status=422),
    Call("GET", "/birds/4.2", status=422),
)
def path_integer(app: FastAPI, router: APIRouter) -> None:
    @router.get("/birds/{bird_id}")
    def read(bird_id: int) -> dict[str, int]:
        return {"bird_id": bird_id}


@case(
    "Path parameters of other types",
    Call("GET", "/floats/1.5"),
    Call("GET", "/flags/yes"),
    Call("GET", "/flags/maybe", status=422),
    Call("GET", "/uuids/5f0b3f2e-7a0b-4d8b-9a52-1f6f2b8b1f11"),
    Call("GET", "/uuids/5f0b", status=422),
)
def path_types(app: FastAPI, router: APIRouter) -> None:
    @router.get("/floats/{number}")
    def read_float(number: float) -> float:
        return number

    @router.get("/flags/{flag}")
    def read_flag(flag: bool) -> bool:
        return flag

    @router.get("/uuids/{key}")
    def read_uuid(key: UUID) -> UUID:
        return key


@case("A path parameter is an enum", Call("GET", "/metals/zinc"), Call("GET", "/metals/gold", status=422))
def path_enum(app: FastAPI, router: APIRouter) -> None:
    @router.get("/metals/{metal}")
    def read(metal: Metal) -> dict[str, object]:
        if metal is Metal.ZINC:
            return {"metal": metal, "text": "galvanized"}
        return {"metal": metal, "text": metal.value}


@case("A path parameter contains slashes", Call("GET", "/trees//home/me/oak.txt"), Call("GET", "/trees/oak.txt"))
def path_convertor(app: FastAPI, router: APIRouter) -> None:
    @router.get("/trees/{where:path}")
    def read(where: str) -> dict[str, str]:
        return {"where": where}


@case(
    "Starlette's convertors match only values of their type",
    Call("GET", "/ids/12"),
    Call("GET", "/ids/twelve", status=404),
    Call("GET", "/sizes/1.5"),
    Call("GET", "/keys/5f0b3f2e-7a0b-4d8b-9a52-1f6f2b8b1f11"),
    Call("GET", "/keys/5f0b", status=404),
)
def path_other_convertors(app: FastAPI, router: APIRouter) -> None:
    @router.get("/ids/{number:int}")
    def read_id(number: int) -> int:
        return number

    @router.get("/sizes/{size:float}")
    def read_size(size: float) -> float:
        return size

    @router.get("/keys/{key:uuid}")
    def read_key(key: UUID) -> UUID:
        return key


@case("The first of two matching paths is used", Call("GET", "/people/me"), Call("GET", "/people/you"))
def path_order(app: FastAPI, router: APIRouter) -> None:
    @router.get("/people/me")
    def read_me() -> dict[str, str]:
        return {"person": "myself"}

    @router.get("/people/{person}")
    def read(person: str) -> dict[str, str]:
        return {"person": person}


@case("The first of two routes with the same path is used", Call("GET", "/people"))
def path_twice(app: FastAPI, router: APIRouter) -> None:
    @router.get("/people")
    def read_first() -> list[str]:
        return ["first"]

    @router.get("/people")
    def read_second() -> list[str]:
        return ["second"]


@case(
    "A number in the path has bounds",
    Call("GET", "/shelves/1"),
    Call("GET", "/shelves/0", status=422),
    Call("GET", "/shelves/1001", status=422),
    Call("GET", "/weights/0.1"),
    Call("GET", "/weights/10.5", status=422),
    Call("GET", "/weights/0", status=422),
)
def path_bounds(app: FastAPI, router: APIRouter) -> None:
    @router.get("/shelves/{shelf}")
    def read_shelf(shelf: Annotated[int, Path(title="The shelf", ge=1, le=1000)]) -> int:
        return shelf

    @router.get("/weights/{weight}")
    def read_weight(weight: Annotated[float, Path(gt=0, lt=10.5)]) -> float:
        return weight


@case(
    "A string in the path has a length and a pattern",
    Call("GET", "/codes/ab-1"),
    Call("GET", "/codes/ab1", status=422),
    Call("GET", "/codes/abcdef-1", status=422),
)
def path_pattern(app: FastAPI, router: APIRouter) -> None:
    @router.get("/codes/{code}")
    def read(code: Annotated[str, Path(max_length=6, pattern="^[a-z]+-[0-9]$")]) -> str:
        return code


@case("A path parameter has an alias", Call("GET", "/boats/4"), Call("GET", "/boats/x", status=422))
def path_alias(app: FastAPI, router: APIRouter) -> None:
    @router.get("/boats/{boatId}")
    def read(number: Annotated[int, Path(alias="boatId")]) -> int:
        return number


@case(
    "Path and query parameters are in any order in the function",
    Call("GET", "/users/3/items/pen?short=1"),
    Call("GET", "/users/3/items/pen?note=blue"),
    Call("GET", "/users/x/items/pen?short=what", status=422),
)
def path_several(app: FastAPI, router: APIRouter) -> None:
    @router.get("/users/{user_id}/items/{item_id}")
    def read(
        *, note: str | None = None, item_id: str, short: bool = False, user_id: Annotated[int, Path(ge=1)]
    ) -> dict[str, object]:
        return {"user": user_id, "item": item_id, "short": short, "note": note}


@case("A path with non-ASCII characters", Call("GET", "/gar%C3%A7on/%D0%B6"))
def path_unicode(app: FastAPI, router: APIRouter) -> None:
    @router.get("/garçon/{letter}")
    def read(letter: str) -> dict[str, str]:
        return {"letter": letter}


@case("An async route with path parameters", Call("GET", "/birds/7"), Call("GET", "/birds/x", status=422))
def path_async(app: FastAPI, router: APIRouter) -> None:
    @router.get("/birds/{bird_id}")
    async def read(bird_id: Annotated[int, Path(ge=1)]) -> dict[str, int]:
        return {"bird_id": bird_id}
