"""A case: a small app that is built with a given router, and the requests that are sent to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI

Build = Callable[[FastAPI, APIRouter], None]


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    json: Any = None
    data: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = field(default_factory=dict)
    params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None
    cookies: Mapping[str, str] | None = None
    content: bytes | None = None
    files: Any = None
    status: int = 200
    """Status code of plain FastAPI."""

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments of `AsyncClient.request`. Cookies are sent as a header because httpx deprecates
        cookies per request."""
        headers = list(self.headers.items()) if isinstance(self.headers, Mapping) else list(self.headers)
        if self.cookies:
            headers.append(("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        given = {
            "json": self.json,
            "data": self.data,
            "params": self.params,
            "content": self.content,
            "files": self.files,
        }
        return {"headers": headers, "follow_redirects": False} | {k: v for k, v in given.items() if v is not None}


@dataclass(frozen=True)
class Case:
    name: str
    build: Build
    calls: tuple[Call, ...]
    topic: str
    includes: bool = False
    """Whether `build` includes the router in the app itself."""
    app: Callable[[], FastAPI] = FastAPI
    uploads: bool = False
    """Whether the app uses `File` or `UploadFile`."""


CASES: list[Case] = []
JSON = {"content-type": "application/json"}


def case(
    name: str,
    *calls: Call,
    includes: bool = False,
    app: Callable[[], FastAPI] = FastAPI,
    uploads: bool = False,
) -> Callable[[Build], Build]:
    def add(build: Build) -> Build:
        topic = build.__module__.rpartition(".")[2]
        CASES.append(Case(name, build, calls, topic, includes, app, uploads))
        return build

    return add


def expose(router: APIRouter, events: list[str]) -> None:
    """Add the route `GET /events/`, which returns the events so far."""

    @router.get("/events/")
    def read_events() -> list[str]:
        return events


EVENTS = Call("GET", "/events/")
