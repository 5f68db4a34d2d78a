"""The cost of formats and HTTP conventions, in bytes and processor time of the server, and of pages far into a list."""

import statistics
import tempfile
import time
from pathlib import Path

import httpx
import psutil
import psycopg2

from benchmarks.measure import Result, campus, load, median_ratio
from benchmarks.reads import fill, start
from tests.system import System

ROUNDS = 7
REQUESTS = 300
PROTOBUF = {"Accept": "application/protobuf"}
SENTENCE = "What groups are, and where one meets them."
ROWS = 1_000_000
PATHS = {
    "v1, 100 videos": "/api/v1/videos/?limit=100",
    "v1, one video": "/api/v1/videos/777/",
    "v2, 100 videos": "/api/v2/videos/?limit=100",
    "v2, one video": "/api/v2/videos/777/",
}


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus") as system:
        fill(system.environment["DATABASE_URL"])
        describe(system)
        results = formats(system) + conventions(system)
        fill(system.environment["DATABASE_URL"], rows=ROWS - 100_000)
        return results + depth(system)


def describe(system: System) -> None:
    """Give the videos on the measured pages short descriptions.

    Text has the same size in both formats, so long texts would hide their difference.
    """
    with psycopg2.connect(system.environment["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE videos SET description = %s WHERE id <= 1000 OR id > 99000", (SENTENCE,))
    connection.close()


def formats(system: System) -> list[Result]:
    server = psutil.Process(system.last_process.pid)
    results = []
    for what, path in PATHS.items():
        size = {name: len(system.client.get(path, headers=h).content) for name, h in (("json", {}), ("pb", PROTOBUF))}
        used: dict[str, list[float]] = {"json": [], "pb": []}
        for _ in range(ROUNDS):
            used["json"].append(cpu_ms(server, system.url + path, {"Accept": "application/json"}))
            used["pb"].append(cpu_ms(server, system.url + path, PROTOBUF))
        several = "100" in what
        results += [
            Result(f"{what}: JSON", statistics.median(used["json"]), unit="ms"),
            Result(f"{what}: protobuf", statistics.median(used["pb"]), unit="ms"),
            Result(f"{what}: bytes, protobuf / JSON", size["pb"] / size["json"], high=0.65 if several else None),
            Result(
                f"{what}: processor time, protobuf / JSON",
                median_ratio(used["pb"], used["json"]),
                high=1.5 if several else 1.15,
            ),
        ]
    return results


def cpu_ms(server: psutil.Process, url: str, headers: dict[str, str]) -> float:
    """Return the server's processor time per request, in milliseconds."""
    with httpx.Client(trust_env=False, headers={"Accept-Encoding": "identity"} | headers) as client:
        client.get(url)
        before = server.cpu_times()
        for _ in range(REQUESTS):
            client.get(url)
        after = server.cpu_times()
    return (after.user + after.system - before.user - before.system) * 1000 / REQUESTS


def conventions(system: System) -> list[Result]:
    """Compare requests for one video to Campus with those to `benchmarks.unconventional`."""
    servers = {"with": system.url, "without": start(system, "benchmarks.unconventional:app")}
    path = PATHS["v1, one video"]
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for url in servers.values():
        load(url + path, seconds=1)
    for _ in range(ROUNDS):
        for name, url in servers.items():
            rates[name].append(load(url + path))
    return [
        *(Result(f"one video, {name} conventions", statistics.median(rates[name]), unit="/s") for name in servers),
        Result("with / without", median_ratio(rates["with"], rates["without"]), low=0.9),
    ]


def depth(system: System) -> list[Result]:
    """Compare the first page of a million videos with the last."""
    newest = "/api/v2/videos/?limit=20"
    with psycopg2.connect(system.environment["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM videos")
        (count,) = cursor.fetchone() or (0,)
    connection.close()
    assert count == ROWS
    first = system.client.get(newest)
    assert first.json()["next"]
    oldest = f"{newest}&cursor={cursor_before(21)}"
    assert system.client.get(oldest).json()["items"][-1]["id"] == 1
    took: dict[str, list[float]] = {newest: [], oldest: []}
    for path in took:
        seconds(system, path)
    for _ in range(ROUNDS):
        for path, times in took.items():
            times.append(seconds(system, path))
    return [
        Result("first page of 20", statistics.median(took[newest]) * 1000, unit="ms"),
        Result("last page of 20 in a million rows", statistics.median(took[oldest]) * 1000, unit="ms"),
        Result("last page / first page", median_ratio(took[oldest], took[newest]), high=1.2),
    ]


def cursor_before(video_id: int) -> str:
    import base64

    return base64.urlsafe_b64encode(str(video_id).encode()).decode().rstrip("=")


def seconds(system: System, path: str) -> float:
    """Return the median of the seconds of 100 requests."""
    took = []
    for _ in range(100):
        begin = time.perf_counter()
        system.client.get(path)
        took.append(time.perf_counter() - begin)
    return statistics.median(took)
