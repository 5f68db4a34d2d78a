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
from typing import Any

import httpx
import psutil
import psycopg2
import pytest

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
ALLOWED = {200, 201, 202, 204, 404, 409, 422, 503}


class Load:
    """Requests of one kind, repeated until they get an answer: with the same key, so that none takes effect twice."""

    def __init__(self, url: str, headers: dict[str, str], answers: Counter[int]) -> None:
        self._client = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)
        self._answers = answers

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        key = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" and "files" not in options else {}
        while True:
            with suppress(httpx.TransportError):
                response = self._client.request(method, path, headers=key, **options)
                self._answers[response.status_code] += 1
                if response.status_code != 503:
                    return response
            time.sleep(0.3)


@pytest.mark.timeout(480)
def test_nothing_is_lost_while_every_part_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cms.test_whole._plain_environment", _without_limits)
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
        wait_for(lambda: len(_doctors(url)) > 5, within_s=60, what="the samples of the clinic are there")

        answers: Counter[int] = Counter()
        stop = threading.Event()
        videos: list[int] = []
        bookings: list[tuple[int, str]] = []
        errors: list[BaseException] = []

        def repeat(step: Callable[[Load], None], headers: dict[str, str]) -> threading.Thread:
            def run() -> None:
                try:
                    with Load(url, headers, answers) as load:
                        while not stop.is_set():
                            step(load)
                except BaseException as error:  # noqa: BLE001  # shown by the test
                    errors.append(error)

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            return thread

        def upload(load: Load) -> None:
            video = load.send("POST", "/api/v2/videos/", json={"title": "x"}).json()
            with clip(seconds=3).open("rb") as file:
                sent = load.send("POST", f"/api/v2/videos/{video['id']}/upload/", files={"file": file.read()})
            assert sent.status_code == 200, sent.text
            videos.append(video["id"])
            stop.wait(3)

        def book(load: Load) -> None:
            name = f"Guest {uuid.uuid4()}"
            slots = _slots(load, random.choice(_doctors(url, load)))
            if not slots:
                return
            body = random.choice(slots) | {
                "name": name,
                "email": f"{uuid.uuid4().hex}@home.example",
                "phone": "+49 30 1234567",
            }
            made = load.send("POST", "/api/v1/bookings/", json=body)
            if made.status_code == 201:
                bookings.append((made.json()["id"], name))
            stop.wait(0.2)

        def read(load: Load) -> None:
            assert load.send("GET", "/api/v2/videos/").status_code == 200
            stop.wait(0.05)

        threads = [repeat(upload, teacher), repeat(book, staff), repeat(book, staff), repeat(read, {})]
        killed = _kill_at_random(up.pid, stop, errors)
        stop.set()
        for thread in threads:
            thread.join(90)
        assert errors == []
        assert sum(killed.values()) == KILLS
        assert set(answers) <= ALLOWED, answers
        assert len(videos) > 5
        assert len(bookings) > 50

        with Load(url, teacher, Counter()) as load:

            def all_are_processed() -> bool:
                found = [load.send("GET", f"/api/v2/videos/{video_id}/").json() for video_id in videos]
                return {video["status"] for video in found} == {"PROCESSED"}

            wait_for(all_are_processed, within_s=150, what="all videos are processed")
        _assert_bookings_are_there_once(database[1], bookings)
        assert up.poll() is None
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
        drain.join(10)
        assert up.stdout is not None
        up.stdout.close()


def _without_limits() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"COLUMNS": "200", "LIMITS_FACTOR": "0"}


def _signed_in(url: str, output: str, role: str) -> dict[str, str]:
    found = re.search(rf"{role}\s+(\S+@\S+)\s+(\S+)", output)
    assert found, output
    body = {"email": found[1], "password": found[2]}
    tokens = httpx.post(f"{url}/api/v1/auth/login/", json=body, trust_env=False, timeout=30).json()
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def _doctors(url: str, load: Load | None = None) -> list[dict[str, Any]]:
    path = "/api/v1/doctors/?limit=40"
    response = load.send("GET", path) if load else httpx.get(url + path, trust_env=False)
    return [doctor for doctor in response.json()["items"] if doctor["locations"]]


def _slots(load: Load, doctor: dict[str, Any]) -> list[dict[str, Any]]:
    place_id = doctor["locations"][0]["id"]
    response = load.send("GET", f"/api/v1/slots/doctors/{doctor['id']}/", params={"location_id": place_id})
    place = {"doctor_id": doctor["id"], "location_id": place_id}
    return [place | {"starts_at": slot["starts_at"]} for slot in response.json()["items"]]


def _kill_at_random(up_pid: int, stop: threading.Event, errors: list[BaseException]) -> Counter[str]:
    """Kill `KILLS` parts within `SECONDS`: each at least once, in random order. Return how often each was killed."""
    chosen = [*PARTS, *random.choices(list(PARTS), k=KILLS - len(PARTS))]
    random.shuffle(chosen)
    killed: Counter[str] = Counter()
    begun = time.monotonic()
    for number, part in enumerate(chosen):
        while time.monotonic() < begun + (number + 0.5 + random.uniform(-0.4, 0.4)) * SECONDS / KILLS and not errors:
            time.sleep(0.2)
        if errors:
            break
        process = _wait_for_part(up_pid, part)
        process.kill()
        killed[part] += 1
    while time.monotonic() < begun + SECONDS and not errors:
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
