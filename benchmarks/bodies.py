"""The costliest bodies that anybody can send: the processor time of one refused request, for every route."""

import json
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

from benchmarks.measure import Result, campus
from conf.http.handler import Handler
from conf.http.index import handlers

REQUESTS = 10
"""Requests by which the processor time of one is measured."""
GOAL_MS = 20
PROTOBUF, JSON, FORM = "application/protobuf", "application/json", "application/x-www-form-urlencoded"


def run() -> Iterator[Result]:
    """Send each kind of body to every route that takes one, without signing in."""
    os.environ.setdefault("DATABASE_URL", "postgresql://nobody@127.0.0.1/none")  # to import the application
    os.environ.setdefault("SECRET_KEY", "a secret of the benchmarks, long enough")
    from main import app

    routes = [
        handler for handler in handlers(app) if handler.methods - {"GET", "OPTIONS"} and handler.file_part is None
    ]
    worst: dict[str, tuple[float, str]] = {}
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with (
        tempfile.TemporaryDirectory() as folder,
        campus(Path(folder) / "campus", LIMITS_FACTOR="0", ACCESS_LOG="false") as running,
        httpx.Client(base_url=running.url, trust_env=False, timeout=60) as client,
    ):
        process = psutil.Process(running.last_process.pid)
        for handler in routes:
            path = re.sub(r"\{[^}]*\}", "1", handler.path)
            for name, kind, body in _bodies(handler):
                before = sum(process.cpu_times()[:2])
                for _ in range(REQUESTS):
                    client.request(min(handler.methods - {"GET"}), path, content=body, headers={"Content-Type": kind})
                ms = (sum(process.cpu_times()[:2]) - before) * 1000 / REQUESTS
                if ms >= worst.get(name, (0.0, ""))[0]:
                    worst[name] = ms, path
    for name, (ms, path) in worst.items():
        yield Result(f"{name}: {path}"[:58], ms, high=GOAL_MS, unit="ms")


def _bodies(handler: Handler) -> Iterator[tuple[str, str, bytes]]:
    """Yield the name, the media type and the bytes of bodies of the largest size that the route accepts."""
    size = handler.max_body_bytes
    if handler.path.startswith("/oauth/"):
        yield "many form fields", FORM, b"a=b&" * (size // 4)
        yield "escapes in a form", FORM, b"a=" + b"%41" * (size // 3 - 1)
        return
    fields = sorted(getattr(handler.body_type, "model_fields", {})) or ["x"]
    one = max(1, size // len(fields) - 60)
    yield "unknown keys", JSON, json.dumps({f"{n:x}": 1 for n in range(size // 11)}).encode()[:size]
    yield "long text", JSON, json.dumps(dict.fromkeys(fields, "a" * one)).encode()[:size]
    yield "text of another alphabet", JSON, json.dumps(dict.fromkeys(fields, "я@" * (one // 8))).encode()[:size]
    yield "long list", JSON, json.dumps({name: [""] * (one // 4) for name in fields}).encode()[:size]
    yield "list of objects", JSON, json.dumps({name: [{}] * (one // 4) for name in fields}).encode()[:size]
    yield "deep nesting", JSON, b'{"x": ' + b"[" * (size - 10)
    yield "long number", JSON, b'{"%s": ' % fields[0].encode() + b"1" * (size - 100) + b"}"
    yield "NUL at the end", JSON, b'{"x": [' + b'"",' * (size // 3 - 20) + b'"\\u0000"]}'
    for tag in (b"\x0a\x00", b"\x12\x00", b"\x1a\x00", b"\x22\x00", b"\x2a\x00", b"\x08\x01", b"\xfa\x3f\x00"):
        yield "protobuf", PROTOBUF, tag * (size // len(tag))
