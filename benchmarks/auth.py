"""The cost of authentication: requests for one video with and without a token, to one process on one processor."""

import statistics
import tempfile
from pathlib import Path

from benchmarks.measure import Result, campus, load, median_ratio
from benchmarks.reads import PATHS, fill

ROUNDS = 9


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus") as system:
        fill(system.environment["DATABASE_URL"])
        url = system.url + PATHS["one video"][0]
        variants = {"without a token": {}, "with a token": system.headers}
        for headers in variants.values():
            load(url, seconds=1, headers=headers)
        rates: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(ROUNDS):
            for name, headers in variants.items():
                rates[name].append(load(url, headers=headers))
        return [
            *(Result(f"one video {name}", statistics.median(rates[name]), unit="/s") for name in variants),
            Result("with / without", median_ratio(rates["with a token"], rates["without a token"]), low=0.85),
        ]
