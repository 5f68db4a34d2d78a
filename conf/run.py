"""`manage.py up`: everything Campus is made of, under one process that ends it cleanly."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx
from rich.console import Console

from conf.children import die_with_parent
from conf.embedded import CannotStart, embedded

ROOT = Path(__file__).parents[1]
READY_S = 60
GRACE_S = 12
"""What a process gets to end by itself: a worker puts its job back in line meanwhile."""
RESTARTS, RESTARTS_S = 5, 60

console = Console(highlight=False)


@dataclass
class Child:
    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # In a session of its own, so that Ctrl-C reaches us alone and we end the children in their order.
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509
        )

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def succeeded(self) -> bool:
        return self.process is not None and self.process.poll() == 0

    def ask_to_end(self) -> None:
        if not self.ended():
            assert self.process is not None
            self.process.terminate()

    def make_end(self, *, until: float) -> None:
        if self.process is not None:
            try:
                self.process.wait(max(0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class _Code:
    """Our own files, for whoever writes them while we run."""

    def __init__(self) -> None:
        self.is_broken = False
        """It does not start; another change may mend it."""
        self._seen = self._files()

    def changed(self) -> bool:
        """Whether they have since the last time, and rest now: an editor, or git, may write many."""
        if (now := self._files()) == self._seen:
            return False
        while True:
            time.sleep(0.3)
            self._seen, now = now, self._files()
            if now == self._seen:
                return True

    def _files(self) -> frozenset[tuple[str, int]]:
        folders = {path.parent for path in ROOT.glob("*/__init__.py")} - {ROOT / "tests", ROOT / "benchmarks"}
        paths = [ROOT / "main.py"]
        for folder in (*folders, ROOT / "migrations"):
            paths += folder.rglob("*.py")
        found = set()
        for path in paths:
            with contextlib.suppress(FileNotFoundError):  # it went meanwhile
                found.add((str(path), path.stat().st_mtime_ns))
        return frozenset(found)


class _Asked:
    """Whether Ctrl-C or SIGTERM came."""

    def __init__(self) -> None:
        self._event = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    def within(self, seconds: float) -> bool:
        return self._event.wait(seconds)

    def __bool__(self) -> bool:
        return self._event.is_set()


def run(*, host: str, port: int, data_dir: Path, samples: bool, reload: bool) -> None:
    """Start all, tell where it is, and stay until asked to end. CannotStart, with the reason in one line."""
    _assert_free(host, port)
    asked = _Asked()
    begun = time.monotonic()
    with embedded(data_dir) as parts:
        url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"
        environment = _environment(parts.environment, url=url)
        children = _children(environment, host=host, port=port)
        code = _Code() if reload else None
        try:
            accounts = _migrate(environment, accounts=samples)
            for child in children:
                child.start()
            _wait_until_ready(url, children, asked)
            if asked:
                return
            console.print(
                f"Campus is ready after {time.monotonic() - begun:.1f} s. Ctrl-C ends it.\n", style="bold green"
            )
            console.print(
                f"  API       {url}/docs\n  Player    {url}/watch/\n  Database  {environment['DATABASE_URL']}\n",
                markup=False,
                soft_wrap=True,
            )
            if accounts:
                console.print("  Accounts\n" + accounts, markup=False, soft_wrap=True)
            first_time = data_dir / ".samples"
            putting_in = _samples(environment) if samples and not first_time.exists() else None
            _stay(children, parts.processes, putting_in, first_time, asked, code)
        finally:
            console.print("\nCampus ends.")
            _end(children)


def _assert_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(f"Port {port} on {host}: {error.strerror}. Choose another with --port.") from None


def _environment(parts: dict[str, str], *, url: str) -> dict[str, str]:
    mine = {
        "PUBLIC_URL": url,
        "LOG_JSON": "0",
        "LOG_LEVEL": "WARNING",
        "WORKER_GRACE_S": "1",
        "PYTHONUNBUFFERED": "1",
        # Running as root is this machine's way; Celery need not warn of it.
        "PYTHONWARNINGS": "ignore::UserWarning:celery.platforms",
    }
    return {**mine, **os.environ, **parts}


def _children(environment: dict[str, str], *, host: str, port: int) -> list[Child]:
    manage = [sys.executable, str(ROOT / "manage.py"), "worker", "--queue"]
    uvicorn = [sys.executable, "-m", "uvicorn", "main:app", "--host", host, "--port", str(port)]
    server = [*uvicorn, "--no-server-header", "--timeout-graceful-shutdown", "5"]
    return [
        Child("API", server, environment),
        Child("worker for short jobs", [*manage, "short", "--concurrency", "2", "--beat"], environment),
        Child("worker for long jobs", [*manage, "long"], environment),
    ]


def _migrate(environment: dict[str, str], *, accounts: bool) -> str:
    """Bring the database up to date; the demo accounts, a line each, if wanted."""
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", *(["--accounts"] if accounts else [])]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStart(f"The database cannot be migrated: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    return "".join(f"    {line}\n" for line in done.stdout.splitlines()) if accounts else ""


def _wait_until_ready(url: str, children: list[Child], asked: _Asked) -> None:
    end = time.monotonic() + READY_S
    with httpx.Client(timeout=5, trust_env=False) as client:
        while not asked:
            for child in children:
                if child.ended():
                    raise CannotStart(f"The {child.name} did not start.")
            try:
                if client.get(f"{url}/healthcheck/ready").is_success:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > end:
                raise CannotStart(f"Campus was not ready within {READY_S} s.")
            asked.within(0.05)


def _samples(environment: dict[str, str]) -> Child:
    child = Child("samples", [sys.executable, str(ROOT / "manage.py"), "demo"], environment)
    child.start()
    return child


def _stay(
    children: list[Child],
    services: dict[str, subprocess.Popen[bytes]],
    samples: Child | None,
    first_time: Path,
    asked: _Asked,
    code: _Code | None,
) -> None:
    """Start anew what dies of our processes, and all of them when the `code` changes. CannotStart when one keeps dying,
    or a service does."""
    deaths: list[float] = []
    while not asked.within(0.2 if code is None else 0.5):
        if code is not None and code.changed():
            deaths = []
            _start_anew(children, code)
        if samples is not None and samples.ended():
            if samples.succeeded():
                first_time.touch()
            samples = None
        for name, service in services.items():
            if service.poll() is not None:
                raise CannotStart(f"{name} has died: see the folder logs in the data folder.")
        for child in children:
            if not child.ended() or (code is not None and code.is_broken):
                continue
            deaths = [at for at in deaths if time.monotonic() - at < RESTARTS_S] + [time.monotonic()]
            if len(deaths) > RESTARTS and code is not None:
                console.print(f"The {child.name} dies again and again. Change its code.", style="red")
                code.is_broken = True
                continue
            if len(deaths) > RESTARTS:
                raise CannotStart(f"The {child.name} dies again and again.")
            console.print(f"The {child.name} has died and is started anew.", style="yellow")
            child.start()
    if samples is not None:
        samples.ask_to_end()
        samples.make_end(until=time.monotonic() + 1)


def _start_anew(children: list[Child], code: _Code) -> None:
    console.print("The code has changed: Campus starts anew.", style="yellow")
    _end(children)
    try:
        _migrate(children[0].environment, accounts=False)
    except CannotStart as error:
        console.print(f"{error} Change it.", style="red", markup=False)
        code.is_broken = True
        return
    code.is_broken = False
    for child in children:
        child.start()


def _end(children: list[Child]) -> None:
    """All at once, none waited for longer than the grace."""
    until = time.monotonic() + GRACE_S
    for child in children:
        child.ask_to_end()
    for child in children:
        child.make_end(until=until)
