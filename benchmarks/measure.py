"""Shared by the benchmarks: goals, medians, servers pinned to one processor, and load from the other."""

import os
import re
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import any_postgres, new_database
from tests.system import System, system

SERVER_CPU, LOAD_CPU = ("0", "1") if (os.cpu_count() or 1) > 1 else ("0", "0")


@dataclass
class Result:
    """A measurement with its goal: at least `low`, at most `high`."""

    what: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""

    def print(self) -> bool:
        """Print the measurement. Returns whether it reaches its goal."""
        reached = (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)
        goal = (
            f"goal ≥ {self.low:g}" if self.low is not None else f"goal ≤ {self.high:g}" if self.high is not None else ""
        )
        mark = ("reached" if reached else "MISSED") if goal else ""
        print(f"  {self.what:<58} {self.value:9.2f} {self.unit:<5} {goal:<12} {mark}", flush=True)
        return reached


def median_ratio(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the median of the ratios of the pairs. The values of a pair were measured one after the other."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


@contextmanager
def campus(folder: Path, **settings: str) -> Iterator[System]:
    """Run Campus with all middleware, pinned to one processor, without a broker."""
    defaults = {"BROKER_URL": "redis://127.0.0.1:1/0"}
    with (
        any_postgres() as server,
        new_database(server) as url,
        system(folder, database_url=url, broker_url=(defaults | settings)["BROKER_URL"], **settings) as running,
    ):
        pin(running.last_process.pid, SERVER_CPU)
        yield running


def pin(pid: int, cpu: str) -> None:
    os.sched_setaffinity(pid, {int(cpu)})
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {int(cpu)})


def load(
    url: str,
    *,
    connections: int = 32,
    seconds: int = 3,
    script: Path | None = None,
    headers: Mapping[str, str] | None = None,
) -> float:
    """Return the requests per second, measured by wrk on the other processor.

    Without a script, all responses must have a status below 400.
    """
    command = ["taskset", "-c", LOAD_CPU, "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "10"]
    if script is not None:
        command += ["-s", str(script)]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    output = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    assert script is not None or "Non-2xx" not in output, output
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert rate, output
    return float(rate[1])
