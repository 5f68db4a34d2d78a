"""What one request can cost: the size and the time of its body and its head, and the errors in the response."""

import asyncio
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient

from conf.http import bodies, server
from conf.http.handler import Handler
from conf.http.index import handlers
from conf.http.limits import AddressLimit
from conf.http.request_log import URL_MAX_BYTES
from conf.http.uploads import FRAME_BYTES
from conf.settings import get_settings
from iam.roles import Role
from main import app
from tests.documents import VERSIONS, document
from tests.people import Person, make_person
from tests.servers import free_port, wait_for

CHUNK = 64 * 1024
UPLOAD = 1024 * 1024
UNSAFE = [handler for handler in handlers(app) if handler.methods - {"GET", "OPTIONS"}]


def path_of(handler: Handler) -> str:
    return re.sub(r"\{[^}]*\}", "1", handler.path)


def sent(handler: Handler, headers: dict[str, str], *, chunks: int) -> tuple[int, int]:
    """Send a body of that many chunks without Content-Length. Return the status, and how many bytes were received."""
    received, status = 0, 0
    first = (
        b'{"email": "'
        if handler.file_part is None
        else b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    kind = "application/json" if handler.file_part is None else "multipart/form-data; boundary=b"
    if handler.path.startswith("/oauth/"):
        kind = "application/x-www-form-urlencoded"

    async def receive() -> dict[str, Any]:
        nonlocal received
        chunk = first + b"a" * (CHUNK - len(first)) if not received else b"a" * CHUNK
        received += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": received < chunks * CHUNK}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    given = {"host": "testserver", "content-type": kind} | headers
    scope = {
        "type": "http",
        "method": min(handler.methods - {"GET"}),
        "path": path_of(handler),
        "raw_path": path_of(handler).encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("192.0.2.1", 1),
        "server": ("testserver", 80),
        "scheme": "http",
        "http_version": "1.1",
        "app": app,
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return status, received


@pytest.fixture
def admin_headers(anonymous: TestClient, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    small = get_settings().model_copy(update={"upload_max_bytes": UPLOAD, "limits_factor": 0})
    for module in ("conf.http.uploads", "conf.http.limits"):
        monkeypatch.setattr(f"{module}.get_settings", lambda: small)
    return make_person(Role.ADMIN).headers


@pytest.mark.parametrize("handler", UNSAFE, ids=lambda handler: f"{'/'.join(sorted(handler.methods))} {handler.path}")
def test_no_route_receives_more_than_its_limit(handler: Handler, admin_headers: dict[str, str]) -> None:
    limit = handler.max_body_bytes
    assert limit <= UPLOAD + FRAME_BYTES or handler.file_part is not None
    for headers in ({}, admin_headers):
        status, received = sent(handler, headers, chunks=limit // CHUNK + 30)
        assert received <= limit + 2 * CHUNK
        assert 400 <= status < 500 or received <= CHUNK, status


def size_of(schema: dict[str, Any], components: dict[str, Any]) -> int:
    """The size of the largest JSON value of the schema, if all its letters are written as `\\u0430`."""
    if "$ref" in schema:
        return size_of(components[schema["$ref"].rpartition("/")[2]], components)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return max(size_of(option, components) for option in options)
    match schema.get("type"):
        case "string":
            return 2 + 6 * int(schema.get("maxLength", 64))
        case "array":
            return 2 + int(schema["maxItems"]) * (2 + size_of(schema["items"], components))
        case "object":
            fields = schema.get("properties", {})
            return 2 + sum(len(name) + 5 + size_of(field, components) for name, field in fields.items())
        case _:
            return 25


LONGEST = 1024 * 1024
"""No body is larger, even if its schema allows it, as that of working hours with 400 exceptions of 50 intervals."""


@pytest.mark.parametrize("version", VERSIONS)
def test_every_valid_body_is_accepted(version: int) -> None:
    found = document(version)
    limits = {handler.path: handler.max_body_bytes for handler in handlers(app) if handler.body_type is not None}
    for path, operations in found["paths"].items():
        for operation in operations.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                needed = min(LONGEST, size_of(content["schema"], found["components"]["schemas"]))
                assert needed <= limits[path], (
                    f"{path}: a valid body can have {needed} bytes: declare max_body_size on the route"
                )


def test_a_response_tells_only_the_number_of_too_many_errors(client: TestClient) -> None:
    body = {f"x{number}": 1 for number in range(5000)}
    response = client.post("/api/v1/auth/login/", json=body)
    (error,) = response.json()["errors"]
    assert (response.status_code, error["field"]) == (422, "body")
    assert error["reason"] == "The body has 5002 invalid values."


@pytest.mark.parametrize("handler", UNSAFE, ids=lambda handler: f"{'/'.join(sorted(handler.methods))} {handler.path}")
def test_a_route_that_anybody_may_call_counts_addresses_before_the_body(
    handler: Handler, anonymous: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    if any(getattr(dependant.call, "requires_sign_in", False) for dependant in handler.dependants):
        return
    if not handler.methods - {"GET", "OPTIONS"}:
        return
    assert handler.address_limits, (
        f"{handler.path}: anybody may call it, so it needs dependencies=[by_address(…)] (conf.http.limits)"
    )
    monkeypatch.setattr(AddressLimit, "__call__", _refuse)
    status, received = sent(handler, {}, chunks=1)
    assert (status, received) == (429, 0)


def _refuse(limit: AddressLimit, request: Any) -> None:
    from conf.errors import RateLimited

    raise RateLimited("Too many.", retry_after=1)


def test_a_body_that_arrives_too_slowly_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.2)
    handler = next(handler for handler in UNSAFE if handler.path == "/api/v1/auth/login/")

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.15)
        return {"type": "http.request", "body": b" ", "more_body": True}

    bounded = bodies.bounded({"headers": []}, receive, limit=100)

    async def read() -> None:
        while True:
            await bounded()

    begun = time.monotonic()
    with pytest.raises(Exception, match="too slowly"):
        asyncio.run(read())
    assert time.monotonic() - begun < 2
    assert handler.max_body_bytes == get_settings().body_max_bytes


def test_a_long_url_is_refused(client: TestClient) -> None:
    response = client.get("/api/v1/groups/", params={"q": "x" * URL_MAX_BYTES})
    assert (response.status_code, response.headers["Content-Type"]) == (414, "application/problem+json")


def test_bytes_in_addition_to_the_file_are_limited(client: TestClient, admin: Person) -> None:
    other = b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\n' + b"x" * FRAME_BYTES + b"\r\n"
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\x89PNG\r\n\x1a\n\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post(f"/api/v1/users/{admin.id}/avatar/", content=other + file, headers=headers)
    assert response.status_code == 413, response.text


def test_a_boundary_that_is_too_long_is_refused(client: TestClient, admin: Person) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={'b' * 300}"}
    response = client.post(f"/api/v1/users/{admin.id}/avatar/", content=b"--b", headers=headers)
    assert response.status_code == 422


@pytest.fixture
def bounded_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server of the application, whose requests must have a head within half a second."""
    monkeypatch.setattr(server, "HEAD_S", 0.5)
    port = free_port()
    config = uvicorn.Config(app, port=port, http=server.BoundedProtocol, log_config=None, lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    wait_for(lambda: running.started, within_s=20, what="the server starts")
    yield port
    running.should_exit = True
    thread.join(10)


def answer(port: int, *parts: bytes, pause_s: float = 0) -> bytes:
    """Send the parts, and return all that the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        for part in parts:
            with contextlib.suppress(OSError):
                connection.sendall(part)
            time.sleep(pause_s)
        received = b""
        with contextlib.suppress(OSError):
            while chunk := connection.recv(65536):
                received += chunk
        return received


def test_a_head_that_arrives_too_slowly_is_refused(bounded_server: int) -> None:
    begun = time.monotonic()
    assert answer(bounded_server).startswith(b"HTTP/1.1 408 ")
    slow = answer(bounded_server, *[b"GET /healthcheck/ HTTP/1.1\r\n", *[b"X: y\r\n"] * 5], pause_s=0.2)
    assert slow.startswith(b"HTTP/1.1 408 ")
    assert json.loads(slow.rpartition(b"\r\n\r\n")[2])["status"] == 408
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("more", [b"\r\n", b"X", b"GET / HTTP/1.1\r\n"])
def test_a_connection_is_closed_if_no_request_follows(bounded_server: int, more: bytes) -> None:
    begun = time.monotonic()
    answer(bounded_server, b"GET /healthcheck/ HTTP/1.1\r\nHost: x\r\n\r\n", more, pause_s=0.1)
    assert time.monotonic() - begun < 3


def test_a_connection_is_closed_if_its_body_is_not_read(bounded_server: int) -> None:
    begun = time.monotonic()
    head = b"GET /healthcheck/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    assert b"200 OK" in answer(bounded_server, head, b"x", pause_s=0.1)
    assert time.monotonic() - begun < 3


def test_a_head_that_is_too_long_is_refused(bounded_server: int) -> None:
    for line in (b"X-Long: ", b"GET /"):
        begin = b"GET /healthcheck/ HTTP/1.1\r\n" if line.startswith(b"X") else b""
        received = answer(bounded_server, begin + line, *[b"a" * CHUNK] * 40)
        assert received.startswith(b"HTTP/1.1 431 ") or not received  # the client may be cut off before it can read


def test_ordinary_requests_pass_on_one_connection(bounded_server: int) -> None:
    one = b"GET /healthcheck/ HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /healthcheck/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert answer(bounded_server, one, one, last, pause_s=0.3).count(b"200 OK") == 3
