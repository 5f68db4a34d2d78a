"""Kill every part of a running Campus at random, during uploads, bookings and transcodes, and lose nothing."""

import os
import random
import re
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
import psycopg2
import pytest

from conf.resources import INSTALLED
from tests.cms.clips import clip
from tests.cms.test_whole import _read_until, _up
from tests.servers import free_port, open_folder, wait_for

SECONDS, KILLS = 180, 10
PARTS: dict[str, Callable[[list[str]], bool]] = {
    "PostgreSQL": lambda words: words[0].endswith("/postgres") and "-D" in words,
    "Valkey": lambda words: "valkey" in words[0],
    "API": lambda words: "main:app" in words,
    "worker for short jobs": lambda words: "worker" in words and "short" in words,
    "worker for long jobs": lambda words: "worker" in words and "long" in words,
    "beat": lambda words: "beat" in words,
}
HAS_CLINIC = "clinic" in INSTALLED
DOCTORS = "/api/v1/doctors/?limit=40"


@dataclass
class Outcome:
    """What the requests have led to."""

    answers: Counter[int] = field(default_factory=Counter)
    videos: list[int] = field(default_factory=list)
    bookings: list[tuple[int, str]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


class Load:
    """Requests of one kind, repeated until they get an answer: with the same key, so that none takes effect twice."""

    def __init__(self, url: str, headers: dict[str, str], outcome: Outcome) -> None:
        self._client = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)
        self._outcome = outcome

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        key = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" and "files" not in options else {}
        while True:
            with suppress(httpx.TransportError):
                response = self._client.request(method, path, headers=key, **options)
                self._outcome.answers[response.status_code] += 1
                if response.status_code != 503:
                    return response
            time.sleep(0.3)

    def repeat(self, step: Callable[["Load"], None]) -> threading.Thread:
        def run() -> None:
            try:
                while not self._outcome.stop.is_set():
                    step(self)
            except BaseException as error:  # noqa: BLE001  # shown by the test
                self._outcome.errors.append(error)
            finally:
                self._client.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def upload(self) -> None:
        video = self.send("POST", "/api/v2/videos/", json={"title": "x"}).json()
        sent = self.send("POST", f"/api/v2/videos/{video['id']}/upload/", files={"file": clip(seconds=3).read_bytes()})
        assert sent.status_code == 200, sent.text
        self._outcome.videos.append(video["id"])
        self._outcome.stop.wait(3)

    def book(self) -> None:
        doctors = [one for one in self.send("GET", DOCTORS).json()["items"] if one["locations"]]
        doctor = random.choice(doctors)
        place = {"doctor_id": doctor["id"], "location_id": doctor["locations"][0]["id"]}
        path = f"/api/v1/slots/doctors/{doctor['id']}/"
        slots = self.send("GET", path, params={"location_id": place["location_id"]}).json()["items"]
        if slots:
            name = f"Guest {uuid.uuid4()}"
            guest = {"name": name, "email": f"{uuid.uuid4().hex}@home.example", "phone": "+49 30 1234567"}
            body = place | guest | {"starts_at": random.choice(slots)["starts_at"]}
            made = self.send("POST", "/api/v1/bookings/", json=body)
            if made.status_code == 201:
                self._outcome.bookings.append((made.json()["id"], name))
        self._outcome.stop.wait(0.2)

    def read(self) -> None:
        assert self.send("GET", "/api/v2/videos/").status_code == 200
        self._outcome.stop.wait(0.05)


@pytest.mark.timeout(480)
def test_nothing_is_lost_while_every_part_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cms.test_whole._plain_environment", _without_limits)
    outcome = Outcome()
    with open_folder() as folder:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        up = _up(folder, port)
        output = _read_until(up, "Accounts", within_s=90)
        while "student" not in output:
            output += _read_until(up, "\n", within_s=10)
        database = re.search(r"Database\s+(\S+)", output)
        assert database
        drain = threading.Thread(target=lambda: [None for _ in up.stdout or ()], daemon=True)
        drain.start()
        teacher, staff = (_signed_in(url, output, role) for role in ("teacher", "staff"))
        threads = [Load(url, teacher, outcome).repeat(Load.upload), Load(url, {}, outcome).repeat(Load.read)]
        if HAS_CLINIC:
            wait_for(lambda: _has_samples(url), within_s=60, what="the samples of the clinic are there")
            threads += [Load(url, staff, outcome).repeat(Load.book) for _ in range(2)]
        killed = _kill_at_random(up.pid, outcome)
        outcome.stop.set()
        for thread in threads:
            thread.join(90)
        assert outcome.errors == []
        assert sum(killed.values()) == KILLS
        assert {status for status in outcome.answers if status >= 500} <= {503}, outcome.answers
        assert len(outcome.videos) > 5
        assert len(outcome.bookings) > 50 or not HAS_CLINIC
        wait_for(lambda: _are_processed(url, teacher, outcome.videos), within_s=150, what="all videos are processed")
        if HAS_CLINIC:
            _assert_bookings_are_there_once(database[1], outcome.bookings)
        assert up.poll() is None
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
        drain.join(10)
        assert up.stdout is not None
        up.stdout.close()


def _has_samples(url: str) -> bool:
    return len(httpx.get(url + DOCTORS, trust_env=False).json()["items"]) > 5


def _are_processed(url: str, headers: dict[str, str], videos: list[int]) -> bool:
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
        return {client.get(f"/api/v2/videos/{one}/").json()["status"] for one in videos} == {"PROCESSED"}


def _without_limits() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"COLUMNS": "200", "LIMITS_FACTOR": "0"}


def _signed_in(url: str, output: str, role: str) -> dict[str, str]:
    found = re.search(rf"{role}\s+(\S+@\S+)\s+(\S+)", output)
    assert found, output
    body = {"email": found[1], "password": found[2]}
    tokens = httpx.post(f"{url}/api/v1/auth/login/", json=body, trust_env=False, timeout=30).json()
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def _kill_at_random(up_pid: int, outcome: Outcome) -> Counter[str]:
    """Kill `KILLS` parts within `SECONDS`: each at least once, in random order. Return how often each was killed."""
    chosen = [*PARTS, *random.choices(list(PARTS), k=KILLS - len(PARTS))]
    random.shuffle(chosen)
    killed: Counter[str] = Counter()
    begun = time.monotonic()
    for number, part in enumerate(chosen):
        while (
            time.monotonic() < begun + (number + 0.5 + random.uniform(-0.4, 0.4)) * SECONDS / KILLS
            and not outcome.errors
        ):
            time.sleep(0.2)
        if outcome.errors:
            break
        process = _wait_for_part(up_pid, part)
        process.kill()
        killed[part] += 1
    while time.monotonic() < begun + SECONDS and not outcome.errors:
        time.sleep(0.2)
    return killed


def _wait_for_part(up_pid: int, part: str) -> psutil.Process:
    found: list[psutil.Process] = []

    def is_there() -> bool:
        for process in psutil.Process(up_pid).children():
            with suppress(psutil.Error):
                words = process.cmdline()
                if words and PARTS[part](words):
                    found.append(process)
                    return True
        return False

    wait_for(is_there, within_s=30, what=f"{part} runs")
    return found[0]


def _assert_bookings_are_there_once(database_url: str, bookings: list[tuple[int, str]]) -> None:
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM bookings WHERE name LIKE 'Guest %'")
        rows = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM jobs WHERE status = 'failed'")
        failed = cursor.fetchall()[0][0]
    connection.close()
    assert sorted(rows) == sorted(bookings)
    assert failed == 0
