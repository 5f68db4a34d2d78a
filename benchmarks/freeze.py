"""Responsiveness under load: a mix of routes with a growing number of connections, and health checks meanwhile."""

import tempfile
import threading
import time
from pathlib import Path

import httpx

from benchmarks.measure import Result, campus, load
from benchmarks.reads import fill

CONNECTIONS = (32, 64, 128, 256)
MIX = """
local n = 0
local json = {["Content-Type"] = "application/json", ["Authorization"] = wrk.headers["Authorization"]}
request = function()
  n = n + 1
  local id = 1 + (n * 7919) % 100000
  local kind = n % 10
  if kind < 4 then return wrk.format("GET", "/api/v1/videos/" .. id .. "/") end
  if kind < 6 then return wrk.format("GET", "/api/v1/videos/?skip=" .. (n % 1000)) end
  if kind == 6 then return wrk.format("GET", "/api/v1/jobs/") end
  if kind == 7 then return wrk.format("PATCH", "/api/v1/videos/" .. id .. "/", json, '{"title": "Lecture"}') end
  if kind == 8 then return wrk.format("POST", "/api/v1/videos/", json, '{"title": "Lecture"}') end
  return wrk.format("GET", "/api/v1/videos/99999999/")
end
"""


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus") as system:
        fill(system.environment["DATABASE_URL"])
        script = Path(folder) / "mix.lua"
        script.write_text(MIX)
        rates, slowest = {}, {}
        load(system.url, seconds=2, script=script, headers=system.headers)
        for connections in CONNECTIONS:
            over = threading.Event()
            times: list[float] = []
            prober = threading.Thread(target=_probe, args=(system.url, over, times))
            prober.start()
            rates[connections] = load(
                system.url, connections=connections, seconds=6, script=script, headers=system.headers
            )
            over.set()
            prober.join()
            slowest[connections] = max(times)
        best = max(rates.values())
        results = [Result(f"{n} connections", rate, unit="/s") for n, rate in rates.items()]
        results += [Result(f"{n} connections: rate / best rate", rate / best, low=0.7) for n, rate in rates.items()]
        results += [Result(f"{n} connections: slowest probe", slowest[n], high=3, unit="s") for n in rates]
        return results


def _probe(url: str, over: threading.Event, times: list[float]) -> None:
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        while not over.wait(0.1):
            for path in ("/healthcheck/ready", "/healthcheck/"):
                begun = time.perf_counter()
                assert client.get(path).status_code == 200
                times.append(time.perf_counter() - begun)
