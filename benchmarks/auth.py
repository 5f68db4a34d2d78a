"""What it costs to know who asks: one video with a token and without, of one process on one processor."""

import statistics
import tempfile
from pathlib import Path

from benchmarks.measure import Result, campus, load, median_ratio
from benchmarks.reads import PATHS, fill

ROUNDS = 9


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus") as made:
        fill(made.environment["DATABASE_URL"])
        url = made.url + PATHS["one video"]
        ways = {"without a token": {}, "with a token": made.headers}
        for headers in ways.values():
            load(url, seconds=1, headers=headers)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, headers in ways.items():
                rates[name].append(load(url, headers=headers))
        return [
            *(Result(f"one video {name}", statistics.median(rates[name]), unit="/s") for name in ways),
            Result("with / without", median_ratio(rates["with a token"], rates["without a token"]), low=0.85),
        ]
