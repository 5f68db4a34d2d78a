"""The minimal implementation: Starlette and psycopg2 in a thread pool, with hand-written SQL; and a bare upload."""

import asyncio
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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

DOCTOR = """
SELECT d.id, d.name, d.price, d.photo_key, d.photo_small_key, d.is_active, d.duration_minutes, d.interval_minutes,
  d.buffer_minutes, d.notice_minutes, d.horizon_days, d.deadline_minutes, d.created_at, d.updated_at, d.about,
  d.experience_years, d.certificates, d.services, d.reviews,
  json_build_object('id', s.id, 'name', s.name, 'created_at', s.created_at, 'updated_at', s.updated_at) AS specialty,
  (SELECT json_agg(json_build_object('id', l.id, 'name', l.name, 'address', l.address, 'time_zone', l.time_zone)
   ORDER BY l.id) FROM doctor_locations JOIN locations AS l ON l.id = location_id WHERE doctor_id = d.id) AS locations
FROM doctors AS d JOIN specialties AS s ON s.id = d.specialty_id
"""
BOOKING = """
SELECT b.id, b.doctor_id, d.name AS doctor_name, b.diagnostic_id, l.id AS location_id, l.name AS location_name,
  l.address, l.time_zone, b.starts_at, b.ends_at, b.status, b.held_until, b.price, b.message, b.patient_id, b.name,
  b.email, b.phone, b.created_at, b.updated_at
FROM bookings AS b JOIN locations AS l ON l.id = b.location_id LEFT JOIN doctors AS d ON d.id = b.doctor_id
"""
USER = """
SELECT u.id, u.email, u.role, u.first_name, u.last_name, u.patronymic, u.nickname, u.learning_class, u.points, u.about,
  u.tech_stack, u.telegram, u.github, u.stepik, u.kaggle, u.website, u.avatar_key, u.avatar_small_key, u.created_at,
  u.updated_at, CASE WHEN g.id IS NOT NULL THEN json_build_object('id', g.id, 'name', g.name, 'colour', g.colour) END
FROM users AS u LEFT JOIN groups AS g ON g.id = u.group_id
"""
JOB = """
SELECT id, name, status, progress, error, attempt, max_attempts, cancel_requested, run_after, created_at, started_at,
  finished_at FROM jobs
"""
SPECIALTY = """
SELECT id, name, created_at, updated_at FROM specialties
WHERE EXISTS (SELECT 1 FROM doctors WHERE specialty_id = specialties.id AND is_active)
"""
QUERIES = {
    "/api/v1/videos/{number}/": f"{ONE} LIMIT 1",
    "/api/v1/videos/": f"SELECT {COLUMNS} FROM videos ORDER BY id OFFSET 0 LIMIT 20",
    "/api/v1/doctors/{number}/": f"{DOCTOR} WHERE d.id = %s",
    "/api/v1/doctors/": f"{DOCTOR} WHERE d.is_active ORDER BY d.id DESC LIMIT 21",
    "/api/v1/specialties/": f"{SPECIALTY} ORDER BY id LIMIT 21",
    "/api/v1/bookings/{number}/": f"{BOOKING} WHERE b.id = %s",
    "/api/v1/bookings/": f"{BOOKING} WHERE b.email IS NOT NULL ORDER BY b.starts_at, b.id LIMIT 21",
    "/api/v1/users/": f"{USER} ORDER BY u.id LIMIT 21",
    "/api/v1/jobs/": f"{JOB} ORDER BY id DESC LIMIT 21",
}

_executor = ThreadPoolExecutor(8)
_local = threading.local()


def _answer(query: str, values: tuple[int, ...], *, one: bool) -> bytes:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        _local.connection.autocommit = True
    with _local.connection.cursor() as cursor:
        cursor.execute(query, values)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return to_json(rows[0] if one else {"items": rows[:20], "next": None})


def _route(path: str, query: str) -> Route:
    async def respond(request: Request) -> Response:
        number = request.path_params.get("number")
        values = (int(number),) if number else ()
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(_executor, partial(_answer, query, values, one=bool(number)))
        return Response(body, media_type="application/json")

    return Route(path, respond)


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


app = Starlette(routes=[_route(path, query) for path, query in QUERIES.items()])
