"""What the formats and the conventions cost: bytes and processor time of the server; a page at any depth."""

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
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus") as made:
        fill(made.environment["DATABASE_URL"])
        describe(made)
        results = formats(made) + conventions(made)
        fill(made.environment["DATABASE_URL"], rows=ROWS - 100_000)
        return results + depth(made)


def describe(made: System) -> None:
    """A sentence each, for those that are on the pages: text is the same in both formats, so much of it says little of
    them."""
    with psycopg2.connect(made.environment["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE videos SET description = %s WHERE id <= 1000 OR id > 99000", (SENTENCE,))
    connection.close()


def formats(made: System) -> list[Result]:
    server = psutil.Process(made.last_process.pid)
    results = []
    for what, path in PATHS.items():
        size = {name: len(made.client.get(path, headers=h).content) for name, h in (("json", {}), ("pb", PROTOBUF))}
        used: dict[str, list[float]] = {"json": [], "pb": []}
        for _ in range(ROUNDS):
            used["json"].append(cpu_ms(server, made.url + path, {"Accept": "application/json"}))
            used["pb"].append(cpu_ms(server, made.url + path, PROTOBUF))
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
    """Processor time of the server, for one request."""
    with httpx.Client(trust_env=False, headers={"Accept-Encoding": "identity"} | headers) as client:
        client.get(url)
        before = server.cpu_times()
        for _ in range(REQUESTS):
            client.get(url)
        after = server.cpu_times()
    return (after.user + after.system - before.user - before.system) * 1000 / REQUESTS


def conventions(made: System) -> list[Result]:
    """One video from Campus, and from Campus without its conventions."""
    servers = {"with": made.url, "without": start(made, "benchmarks.unconventional:app")}
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


def depth(made: System) -> list[Result]:
    """The first page of a million videos, and the last."""
    newest = "/api/v2/videos/?limit=20"
    with psycopg2.connect(made.environment["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM videos")
        (count,) = cursor.fetchone() or (0,)
    connection.close()
    assert count == ROWS
    first = made.client.get(newest)
    assert first.json()["next"]
    oldest = f"{newest}&cursor={cursor_before(21)}"
    assert made.client.get(oldest).json()["items"][-1]["id"] == 1
    took: dict[str, list[float]] = {newest: [], oldest: []}
    for path in took:
        seconds(made, path)
    for _ in range(ROUNDS):
        for path, times in took.items():
            times.append(seconds(made, path))
    return [
        Result("page of 20, the first", statistics.median(took[newest]) * 1000, unit="ms"),
        Result("page of 20, after a million rows", statistics.median(took[oldest]) * 1000, unit="ms"),
        Result("at depth / the first", median_ratio(took[oldest], took[newest]), high=1.2),
    ]


def cursor_before(video_id: int) -> str:
    import base64

    return base64.urlsafe_b64encode(str(video_id).encode()).decode().rstrip("=")


def seconds(made: System, path: str) -> float:
    """The median of many requests."""
    took = []
    for _ in range(100):
        begin = time.perf_counter()
        made.client.get(path)
        took.append(time.perf_counter() - begin)
    return statistics.median(took)
