"""Requests per second of one process on one processor, for one video and for a page of 20, of 100,000 videos."""

import statistics
import sys
import tempfile
from pathlib import Path

import psycopg2

from benchmarks.measure import SERVER_CPU, Result, campus, load, median_ratio, pin
from tests.servers import free_port, wait_for
from tests.system import System

ROUNDS = 5
RENDITIONS = (
    '[{"name": "720p", "width": 1280, "height": 720, "kbps": 2800}, {"name": "480p", "width": 854, "height": 480, '
    '"kbps": 1400}, {"name": "240p", "width": 426, "height": 240, "kbps": 400}]'
)
PATHS = {"one video": "/api/v1/videos/777/", "a page of 20": "/api/v1/videos/"}
GOALS = {"one video": 0.45, "a page of 20": 0.40}


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus") as system:
        fill(system.environment["DATABASE_URL"])
        servers = {
            "Campus": system.url,
            "bare Starlette": start(system, "benchmarks.bare:app"),
            "plain FastAPI": start(system, "benchmarks.plain:app"),
        }
        for url in servers.values():
            load(url + PATHS["one video"], seconds=1)
        results = []
        for what, path in PATHS.items():
            rates: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, url in servers.items():
                    rates[name].append(load(url + path))
            results += [Result(f"{what}: {name}", statistics.median(rates[name]), unit="/s") for name in servers]
            ratio = median_ratio(rates["Campus"], rates["bare Starlette"])
            results.append(Result(f"{what}: Campus / bare Starlette", ratio, low=GOALS[what]))
            ratio = median_ratio(rates["Campus"], rates["plain FastAPI"])
            results.append(Result(f"{what}: Campus / plain FastAPI", ratio, low=2))
        return results


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
