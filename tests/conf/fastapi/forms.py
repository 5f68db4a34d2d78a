"""Forms."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, FastAPI, Form
from pydantic import BaseModel, Field

from tests.conf.fastapi.base import Call, case


@case(
    "Form fields are read",
    Call("POST", "/login/", data={"username": "ann", "password": "secret"}),
    Call("POST", "/login/", data={"username": "ann"}, status=422),
    Call("POST", "/login/", status=422),
    Call("POST", "/login/", json={"username": "ann", "password": "secret"}, status=422),
)
def form_fields(app: FastAPI, router: APIRouter) -> None:
    @router.post("/login/")
    def login(username: Annotated[str, Form()], password: Annotated[str, Form()]) -> dict[str, object]:
        return {"username": username, "length": len(password)}


@case(
    "A form has one field, with a constraint",
    Call("POST", "/", data={"age": "18"}),
    Call("POST", "/", data={"age": "17"}, status=422),
    Call("POST", "/", data={"age": "old"}, status=422),
)
def form_single(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(age: Annotated[int, Form(ge=18)]) -> int:
        return age


@case(
    "Form fields have defaults, aliases and lists",
    Call("POST", "/", data={"tag": ["a", "b"], "e-mail": "x"}),
    Call("POST", "/", data={}),
    Call("POST", "/", data={"note": "", "flag": "on"}),
)
def form_defaults(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(
        tag: Annotated[list[str], Form(default_factory=list)],
        mail: Annotated[str | None, Form(alias="e-mail")] = None,
        note: Annotated[str, Form()] = "none",
        flag: Annotated[bool, Form()] = False,
    ) -> dict[str, object]:
        return {"tag": tag, "mail": mail, "note": note, "flag": flag}


class Login(BaseModel):
    username: str
    password: str = Field(min_length=3)
    roles: list[str] = []


class StrictLogin(BaseModel):
    model_config = {"extra": "forbid"}

    username: str


@case(
    "A model holds the form",
    Call("POST", "/", data={"username": "a", "password": "abc", "roles": ["x", "y"]}),
    Call("POST", "/", data={"username": "a", "password": "ab"}, status=422),
    Call("POST", "/", data={}, status=422),
)
def form_model(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(login: Annotated[Login, Form()]) -> Login:
        return login


@case(
    "A model of a form forbids other fields",
    Call("POST", "/", data={"username": "a"}),
    Call("POST", "/", data={"username": "a", "extra": "b"}, status=422),
)
def form_forbid(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(login: Annotated[StrictLogin, Form()]) -> StrictLogin:
        return login


@case(
    "A form and path and query parameters",
    Call("POST", "/users/3?q=x", data={"name": "a"}),
    Call("POST", "/users/x", data={}, status=422),
)
def form_and_others(app: FastAPI, router: APIRouter) -> None:
    @router.post("/users/{user_id}")
    def update(user_id: int, name: Annotated[str, Form()], q: str | None = None) -> list[object]:
        return [user_id, name, q]


@case("A dependency reads the form", Call("POST", "/", data={"a": "1", "b": "2"}), Call("POST", "/", status=422))
def form_in_dependency(app: FastAPI, router: APIRouter) -> None:
    def doubled(a: Annotated[int, Form()]) -> int:
        return a * 2

    @router.post("/")
    def create(a: Annotated[int, Depends(doubled)], b: Annotated[int, Form()]) -> list[int]:
        return [a, b]


@case(
    "A form is sent as multipart",
    Call(
        "POST",
        "/",
        content=b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nann\r\n--x--\r\n',
        headers={"content-type": "multipart/form-data; boundary=x"},
    ),
    Call("POST", "/", content=b"--x\r\n", headers={"content-type": "multipart/form-data"}, status=400),
)
def form_multipart(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    def create(name: Annotated[str, Form()]) -> str:
        return name


@case("An async route with a form", Call("POST", "/", data={"name": "a"}), Call("POST", "/", status=422))
def form_async(app: FastAPI, router: APIRouter) -> None:
    @router.post("/")
    async def create(name: Annotated[str, Form(max_length=3)]) -> str:
        return name


@case(
    "A form and a JSON body at different paths",
    Call("POST", "/form/", data={"a": "1"}),
    Call("POST", "/json/", json={"a": 1, "b": 2}),
)
def form_beside_json(app: FastAPI, router: APIRouter) -> None:
    @router.post("/form/")
    def create_form(a: Annotated[int, Form()]) -> int:
        return a

    @router.post("/json/")
    def create_json(a: Annotated[int, Body()], b: Annotated[int, Body()]) -> int:
        return a + b
