"""Requests per second of one process on one processor, for one row and for a page of 20, of every kind of list."""

import statistics
import sys
import tempfile
from pathlib import Path

import psycopg2

from benchmarks import clinic
from benchmarks.measure import SERVER_CPU, Result, campus, load, median_ratio, pin
from tests.servers import free_port, wait_for
from tests.system import System

ROUNDS = 5
RENDITIONS = (
    '[{"name": "720p", "width": 1280, "height": 720, "kbps": 2800}, {"name": "480p", "width": 854, "height": 480, '
    '"kbps": 1400}, {"name": "240p", "width": 426, "height": 240, "kbps": 400}]'
)
PATHS = {
    "one video": ("/api/v1/videos/777/", 0.65),
    "one doctor": ("/api/v1/doctors/7/", 0.55),
    "one booking": ("/api/v1/bookings/77/", 0.50),
    "20 videos": ("/api/v1/videos/", 0.50),
    "20 doctors": ("/api/v1/doctors/", 0.50),
    "20 specialties": ("/api/v1/specialties/", 0.50),
    "20 bookings": ("/api/v1/bookings/", 0.50),
    "20 users": ("/api/v1/users/", 0.50),
    "20 jobs": ("/api/v1/jobs/", 0.50),
}
"""The path, and the least ratio to the bare server."""
SIGNED_IN = {"one booking": "staff", "20 bookings": "staff", "20 users": "admin", "20 jobs": "admin"}
PEOPLE = """
INSERT INTO groups (name, colour) VALUES ('Physics', '#1e90ff');
INSERT INTO users (email, role, first_name, last_name, group_id, points, patronymic, learning_class, about, tech_stack)
  SELECT n || '@many.example', 'student', 'Ada', 'Lovelace', 1, n, '', '9A', 'I like engines.', '{Python}'
  FROM generate_series(1, 1000) AS n;
INSERT INTO jobs (name, args, queue, status, attempt, max_attempts, run_after, publish_count, cancel_requested,
  progress, version, finished_at)
  SELECT 'cms.videos.process', '{}', 'long', 'succeeded', 1, 3, now(), 1, false, 100, 1, now()
  FROM generate_series(1, 1000) AS n;
INSERT INTO specialties (name) SELECT 'Specialty ' || n FROM generate_series(1, 40) AS n;
UPDATE doctors SET specialty_id = id + 1;
"""


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus") as system:
        url = system.environment["DATABASE_URL"]
        fill(url)
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(clinic.FILL, {"hours": clinic.HOURS})
            cursor.execute(PEOPLE)
        connection.close()
        servers = {
            "Campus": system.url,
            "bare Starlette": start(system, "benchmarks.bare:app"),
            "plain FastAPI": start(system, "benchmarks.plain:app"),
        }
        headers = {role: _signed_in(system, role) for role in ("staff", "admin")}
        results = []
        for what, (path, goal) in PATHS.items():
            credentials = headers.get(SIGNED_IN.get(what, ""), {})
            used = servers if "video" in what else {name: servers[name] for name in ("Campus", "bare Starlette")}
            rates: dict[str, list[float]] = {name: [] for name in used}
            for one in used.values():
                load(one + path, seconds=1, headers=credentials)
            for _ in range(ROUNDS):
                for name, one in used.items():
                    rates[name].append(load(one + path, headers=credentials))
            results += [Result(f"{what}: {name}", statistics.median(rates[name]), unit="/s") for name in used]
            ratio = median_ratio(rates["Campus"], rates["bare Starlette"])
            results.append(Result(f"{what}: Campus / bare Starlette", ratio, low=goal))
            if "plain FastAPI" in used:
                ratio = median_ratio(rates["Campus"], rates["plain FastAPI"])
                results.append(Result(f"{what}: Campus / plain FastAPI", ratio, low=2))
        return results


def _signed_in(system: System, role: str) -> dict[str, str]:
    """Return the headers of a new account with this role."""
    body = {"email": f"{role}@many.example", "password": "a passphrase of the tests", "first_name": "A"}
    answer = system.client.post("/api/v1/auth/register/", json=body | {"last_name": "B"})
    with psycopg2.connect(system.environment["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE users SET role = %s WHERE email = %s", (role, body["email"]))
    connection.close()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def fill(database_url: str, rows: int = 100_000) -> None:
    """Insert videos."""
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO videos (title, description, is_active, status, source_key, poster_key, hls_key, duration_s,"
            " width, height, renditions) SELECT 'Lecture ' || n, repeat('About groups. ', 15), true, 'PROCESSED',"
            " format('videos/%%s/a1b2c3d4e5f6/source.mp4', n), format('videos/%%s/%%s.1/poster.jpg', n, n),"
            " format('videos/%%s/%%s.1/master.m3u8', n, n), 61.2, 1280, 720, %s FROM generate_series(1, %s) AS n",
            (RENDITIONS, rows),
        )
    connection.close()
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    connection.cursor().execute("VACUUM ANALYZE videos")
    connection.close()


def start(system: System, app: str, **settings: str) -> str:
    """Start another server on the same database and processor. Returns its URL."""
    port = free_port()
    process = system.start(
        *(sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log", "--log-level", "warning"),
        **settings,
    )
    wait_for(lambda: _listens(port), within_s=20, what=f"{app} starts")
    pin(process.pid, SERVER_CPU)
    return f"http://127.0.0.1:{port}"


def _listens(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
