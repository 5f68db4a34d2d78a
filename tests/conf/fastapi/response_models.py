"""Response models: the declared type of a route's return value."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel

from tests.conf.fastapi.base import Call, case


class User(BaseModel):
    username: str
    full_name: str | None = None


class UserIn(User):
    password: str


class Plane(BaseModel):
    kind: str
    size: int


class Car(BaseModel):
    kind: str


@dataclass
class Pair:
    left: int
    right: str | None = None


ANN = {"username": "ann", "password": "secret"}


@case("The return type removes the additional fields of a subclass", Call("POST", "/users/", json=ANN))
def filter_subclass(app: FastAPI, router: APIRouter) -> None:
    @router.post("/users/")
    def create(user: UserIn) -> User:
        return user


@case("response_model differs from the return type", Call("POST", "/users/", json=ANN), Call("GET", "/dict/"))
def model_differs(app: FastAPI, router: APIRouter) -> None:
    @router.post("/users/", response_model=User)
    def create(user: UserIn) -> Any:
        return user

    @router.get("/dict/", response_model=User)
    def read() -> UserIn:
        return {"username": "bob", "password": "x", "more": 1}  # type: ignore[return-value]


@case("A response model reads the attributes of an object", Call("GET", "/users/"))
def model_from_attributes(app: FastAPI, router: APIRouter) -> None:
    class Row:
        username = "ann"
        full_name = "Ann"
        password = "secret"

    @router.get("/users/", response_model=User)
    def read() -> Any:
        return Row()


@case("Nested models are filtered", Call("GET", "/"))
def filter_nested(app: FastAPI, router: APIRouter) -> None:
    class Group(BaseModel):
        owner: User
        members: list[User]
        by_name: dict[str, User]

    @router.get("/")
    def read() -> Group:
        ann = UserIn(username="ann", password="secret")
        return Group(owner=ann, members=[ann], by_name={"ann": ann})


@case("Lists, dicts, sets and tuples are returned", *(Call("GET", f"/{kind}/") for kind in ("list", "dict", "tuple")))
def collections(app: FastAPI, router: APIRouter) -> None:
    @router.get("/list/")
    def read_list() -> list[User]:
        return [UserIn(username="a", password="x"), User(username="b")]

    @router.get("/dict/", response_model=dict[str, float])
    def read_dict() -> dict[str, int]:
        return {"a": 1}

    @router.get("/tuple/")
    def read_tuple() -> tuple[int, User]:
        return 1, UserIn(username="a", password="x")


@case("A union is returned", Call("GET", "/things/plane"), Call("GET", "/things/car"), Call("GET", "/dicts/"))
def unions(app: FastAPI, router: APIRouter) -> None:
    things = {"plane": {"kind": "plane", "size": 5}, "car": {"kind": "car"}}

    @router.get("/things/{name}", response_model=Plane | Car)
    def read(name: str) -> Any:
        return things[name]

    @router.get("/dicts/")
    def read_many() -> list[Plane | Car]:
        return [Plane(kind="p", size=1), Car(kind="c")]


@case("The return type may be None", Call("GET", "/users/ann"), Call("GET", "/users/bob"))
def optional_answer(app: FastAPI, router: APIRouter) -> None:
    @router.get("/users/{name}")
    def read(name: str) -> User | None:
        return User(username=name) if name == "ann" else None


@case("The return type is a Response", Call("GET", "/?go=1", status=307), Call("GET", "/"), Call("GET", "/json/"))
def response_annotation(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(go: bool = False) -> Response:
        if go:
            return RedirectResponse("https://example.com/")
        return JSONResponse({"message": "here"})

    @router.get("/json/")
    def read_json() -> JSONResponse:
        return JSONResponse({"a": 1}, headers={"x-a": "b"})


@case("response_model is None", Call("GET", "/?go=1", status=307), Call("GET", "/"))
def no_model(app: FastAPI, router: APIRouter) -> None:
    @router.get("/", response_model=None)
    def read(go: bool = False) -> Response | dict[str, str]:
        return RedirectResponse("https://example.com/") if go else {"message": "here"}


@case("Nothing is filtered without a response model", Call("GET", "/"))
def no_model_no_filter(app: FastAPI, router: APIRouter) -> None:
    @router.get("/", response_model=None)
    def read() -> User:
        return UserIn(username="a", password="x")


@case(
    "A route without a return type returns any value",
    *(
        Call("GET", f"/{kind}")
        for kind in ("dict", "list", "str", "none", "int", "bool", "float", "model", "dataclass", "mixed")
    ),
)
def unannotated(app: FastAPI, router: APIRouter) -> None:
    answers = {
        "dict": {"a": 1, "b": None},
        "list": [1, "two"],
        "str": "text",
        "none": None,
        "int": 5,
        "bool": True,
        "float": 1.5,
        "model": UserIn(username="a", password="x"),
        "dataclass": Pair(1),
        "mixed": {"users": [User(username="a")], "pair": Pair(2, "é"), "set": {1}, "bytes": b"b"},
    }

    @router.get("/{kind}")
    def read(kind: str):  # type: ignore[no-untyped-def]
        return answers[kind]


@case("An async route without a return type", Call("GET", "/model"), Call("GET", "/none"))
def unannotated_async(app: FastAPI, router: APIRouter) -> None:
    @router.get("/model")
    async def read():  # type: ignore[no-untyped-def]
        return [UserIn(username="a", password="x"), Pair(1)]

    @router.get("/none")
    async def read_none():  # type: ignore[no-untyped-def]
        pass


@case("The return type is Any, object, None or a scalar", *(Call("GET", f"/{x}/") for x in ("any", "none", "int", "s")))
def scalar_models(app: FastAPI, router: APIRouter) -> None:
    @router.get("/any/")
    def read_any() -> Any:
        return {"user": UserIn(username="a", password="x")}

    @router.get("/none/")
    def read_none() -> None:
        return None

    @router.get("/int/", response_model=int)
    def read_int() -> Any:
        return "5"

    @router.get("/s/")
    def read_str() -> str:
        return 'quoted "é"'


@case("A dataclass is returned", Call("GET", "/one/"), Call("GET", "/many/"))
def dataclass_answer(app: FastAPI, router: APIRouter) -> None:
    @router.get("/one/", response_model=Pair)
    def read() -> Any:
        return {"left": "4"}

    @router.get("/many/")
    def read_many() -> list[Pair]:
        return [Pair(1), Pair(2, "b")]


@case("A return value that does not match its model is a server error", Call("GET", "/", status=500))
def misfit(app: FastAPI, router: APIRouter) -> None:
    @router.get("/", response_model=Plane)
    def read() -> Any:
        return {"kind": "plane", "size": "large"}


@case("A route with a response model returns a Response", Call("GET", "/"), Call("GET", "/?plain=1"))
def response_beside_model(app: FastAPI, router: APIRouter) -> None:
    @router.get("/", response_model=User)
    def read(plain: bool = False) -> Any:
        return Response("not a user", media_type="text/plain") if plain else {"username": "a", "password": "x"}


@case("An async route has a response model", Call("POST", "/users/", json=ANN), Call("GET", "/lists/"))
def model_async(app: FastAPI, router: APIRouter) -> None:
    @router.post("/users/", response_model=User)
    async def create(user: UserIn) -> Any:
        return user

    @router.get("/lists/")
    async def read() -> list[User]:
        return [UserIn(username="a", password="x")]


@case("A generic model is returned", Call("GET", "/"))
def generic(app: FastAPI, router: APIRouter) -> None:
    from typing import Generic, TypeVar

    T = TypeVar("T")

    class Page(BaseModel, Generic[T]):
        rows: list[T]
        total: int

    @router.get("/")
    def read() -> Page[User]:
        return Page[User](rows=[UserIn(username="a", password="x")], total=1)
