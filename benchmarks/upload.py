"""A multipart upload of 1 GiB to Campus, compared with a bare handler that writes the same bytes to disk."""

import os
import socket
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlparse

from benchmarks.measure import LOAD_CPU, Result, campus, median_ratio
from benchmarks.reads import start

SIZE = 1024**3
ROUNDS = 5
BLOCK = bytearray(os.urandom(4 * 1024 * 1024))
BOUNDARY = b"----WebKitFormBoundaryAbC123xyz"
PART = b'Content-Disposition: form-data; name="file"; filename="a.mp4"'
HEAD = b"--" + BOUNDARY + b"\r\n" + PART + b"\r\n\r\n\x00\x00\x00\x18ftypisom"
TAIL = b"\r\n--" + BOUNDARY + b"--\r\n"


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus") as system:
        process = system.last_process
        bare = start(system, "benchmarks.bare:upload", BARE_UPLOAD=f"{folder}/bare")
        os.sched_setaffinity(0, {int(LOAD_CPU)})
        video = system.client.post("/api/v1/videos/", json={"title": "x"}).json()
        path = f"/api/v1/videos/{video['id']}/upload/"
        token = system.headers["Authorization"]
        send(system.url, path, size=16 * 1024**2, token=token)
        before = _peak_mib(process.pid)
        rates: dict[str, list[float]] = {"Campus": [], "bare handler": []}
        for _ in range(ROUNDS):
            for name, url in (("Campus", system.url), ("bare handler", bare)):
                rates[name].append(SIZE / 1e6 / send(url, path, size=SIZE, token=token))
                for old in (*(Path(folder) / "campus" / "storage").rglob("source.*"), *Path(folder).glob("bare-*")):
                    old.unlink()
        grown = _peak_mib(process.pid) - before
        # Without the first round, which is slower because memory must be allocated.
        rates = {name: values[1:] for name, values in rates.items()}
        return [
            *(Result(name, statistics.median(rates[name]), unit="MB/s") for name in rates),
            Result("Campus / bare handler", median_ratio(rates["Campus"], rates["bare handler"]), low=0.75),
            Result("growth of memory", grown, high=64, unit="MiB"),
        ]


def send(url: str, path: str, *, size: int, token: str) -> float:
    """Upload a file. Returns the seconds until the response."""
    address = urlparse(url)
    with socket.create_connection((address.hostname or "", address.port or 80)) as connection:
        begun = time.perf_counter()
        kind = f"multipart/form-data; boundary={BOUNDARY.decode()}"
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAuthorization: {token}\r\n"
        connection.sendall(f"{head}Content-Length: {len(HEAD) + size + len(TAIL)}\r\n\r\n".encode() + HEAD)
        for _ in range(size // len(BLOCK)):
            connection.sendall(BLOCK)
        connection.sendall(TAIL)
        status = connection.recv(65536).split(b" ")[1]
        assert status in (b"200", b"204"), status
        return time.perf_counter() - begun


def _peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise LookupError("VmHWM")
