"""The minimal implementation: Starlette and psycopg2 in a thread pool, with the SQL of Campus; and a bare upload."""

import asyncio
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = (
    "id, title, description, is_active, status, error, job_id, source_key, poster_key, hls_key, duration_s, width,"
    " height, created_at, updated_at"
)
ONE = f"SELECT {COLUMNS} FROM videos WHERE id = %s"
PAGE = f"SELECT {COLUMNS} FROM videos ORDER BY id OFFSET %s LIMIT %s"
NAMES = COLUMNS.replace(" ", "").split(",")

_executor = ThreadPoolExecutor(8)
_local = threading.local()


def _rows(query: str, values: tuple[int, ...]) -> list[dict[str, Any]]:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        _local.connection.autocommit = True
    with _local.connection.cursor() as cursor:
        cursor.execute(query, values)
        return [dict(zip(NAMES, row, strict=True)) for row in cursor.fetchall()]


async def one(request: Request) -> Response:
    loop = asyncio.get_running_loop()
    rows = await loop.run_in_executor(_executor, _rows, ONE, (int(request.path_params["video_id"]),))
    return Response(to_json(rows[0]), media_type="application/json")


async def page(_request: Request) -> Response:
    rows = await asyncio.get_running_loop().run_in_executor(_executor, _rows, PAGE, (0, 20))
    return Response(to_json(rows), media_type="application/json")


async def upload(scope: Any, receive: Any, send: Any) -> None:
    """Write the request body to disk, in blocks of 1 MiB, from a thread."""
    block = bytearray()
    with open(f"{os.environ['BARE_UPLOAD']}-{uuid.uuid4().hex}", "wb") as target:  # noqa: ASYNC230, PTH123
        while True:
            message = await receive()
            block += message.get("body", b"")
            if len(block) >= 1024 * 1024 or not message.get("more_body"):
                await asyncio.to_thread(target.write, block)
                block = bytearray()
            if not message.get("more_body"):
                break
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


app = Starlette(routes=[Route("/api/v1/videos/{video_id}/", one), Route("/api/v1/videos/", page)])
