"""`manage.py up`: run the services, the API and the workers as children of one process, which stops them cleanly."""

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
from typing import Literal

import httpx
from rich.console import Console

from conf import hardening
from conf.children import die_with_parent
from conf.embedded import CannotStart, Service, embedded
from conf.resources import INSTALLED

ROOT = Path(__file__).parents[1]
CELERY = "conf._celery.app.celery_app"
LIBRARIES = ROOT / "web" / "node_modules"
READY_S = 60
GRACE_S = 12
"""Seconds that a process has to stop after SIGTERM, before it is killed. A worker requeues its job in this time."""
RESTARTS, RESTARTS_S = 5, 60
"""A part that dies is restarted, unless it has died more than RESTARTS times within RESTARTS_S seconds."""
LONGEST_PAUSE_S = 4
"""Longest pause before a restart. It doubles with each death, from no pause at the first one."""

console = Console(highlight=False)


@dataclass
class Child:
    name: str
    command: list[str]
    environment: dict[str, str]
    has_terminal: bool = False
    """Whether it reads from the terminal, as pdb does."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # In its own session, so that Ctrl-C reaches only us and we stop the children in the right order.
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            cwd=ROOT,
            stdin=None if self.has_terminal else subprocess.DEVNULL,
            start_new_session=not self.has_terminal,
            preexec_fn=die_with_parent(),  # noqa: PLW1509
        )

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def has_succeeded(self) -> bool:
        return self.process is not None and self.process.poll() == 0

    def terminate(self) -> None:
        """Send SIGTERM."""
        if not self.has_ended():
            assert self.process is not None
            self.process.terminate()

    def wait_or_kill(self, *, until: float) -> None:
        """Wait for the end of the process; kill it at the time `until` (of `time.monotonic`)."""
        if self.process is not None:
            try:
                self.process.wait(max(0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class _CodeWatcher:
    """Finds out whether Campus's source files have changed, for `--reload`."""

    def __init__(self) -> None:
        self.is_broken = False
        """Campus does not start with this code. It is not restarted before the next change."""
        self._seen = self._files()

    def changes(self) -> list[str]:
        """The files that have changed since the last call. Waits until no more change, as git may write many."""
        before, now = self._seen, self._files()
        if now == before:
            return []
        while now != self._seen:
            time.sleep(0.3)
            self._seen, now = now, self._files()
        return sorted({str(Path(path).relative_to(ROOT)) for path, _ in before ^ now})

    def _files(self) -> frozenset[tuple[str, int]]:
        folders = {path.parent for path in ROOT.glob("*/__init__.py")} - {ROOT / "tests", ROOT / "benchmarks"}
        paths = [ROOT / "main.py"]
        for folder in (*folders, ROOT / "migrations"):
            paths += folder.rglob("*.py")
        files = set()
        for path in paths:
            with contextlib.suppress(FileNotFoundError):  # it was just deleted
                files.add((str(path), path.stat().st_mtime_ns))
        return frozenset(files)


class _StopSignal:
    """Truthy once SIGINT (Ctrl-C), SIGTERM or SIGHUP has been received."""

    def __init__(self) -> None:
        self._event = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the signal, at most `seconds`. Returns whether it was received."""
        return self._event.wait(seconds)

    def __bool__(self) -> bool:
        return self._event.is_set()


def run(*, host: str, port: int, data_dir: Path, samples: bool, reload: bool, debug: bool = False) -> None:
    """Start everything, print the addresses, and run until a signal to stop. Raises: CannotStart.

    `reload`: log each request, and restart when the code changes. `debug`: the API reads from the terminal.
    """
    _assert_free(host, port)
    hardening.protect_process()
    stop_signal = _StopSignal()
    started_at = time.monotonic()
    with embedded(data_dir) as services:
        url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"
        environment = _environment(services.environment, url=url)
        children = _children(environment, host=host, port=port, log_requests=reload or debug, debug=debug)
        code = _CodeWatcher() if reload else None
        try:
            accounts = _migrate(environment, accounts=samples)
            for child in children:
                child.start()
            _wait_until_ready(url, children, stop_signal)
            if stop_signal:
                return
            seconds = time.monotonic() - started_at
            player = f"  Player    {url}/watch/\n" if "cms" in INSTALLED else ""
            console.print(f"Campus is ready after {seconds:.1f} s. Press Ctrl-C to stop it.\n", style="bold green")
            console.print(
                f"  API       {url}/docs\n{player}  Database  {environment['DATABASE_URL']}\n",
                markup=False,
                soft_wrap=True,
            )
            if not LIBRARIES.exists():
                console.print(
                    "The browser libraries are not installed. Pages use what the browser has.\n", style="yellow"
                )
            if accounts:
                console.print("  Accounts\n" + accounts, markup=False, soft_wrap=True)
            samples_done = data_dir / ".samples"
            creating_samples = _create_samples(environment) if samples and not samples_done.exists() else None
            _supervise(children, services.services, creating_samples, samples_done, stop_signal, code)
        finally:
            console.print("\nCampus is stopping.")
            _stop(children)


def _assert_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(f"Port {port} on {host}: {error.strerror}. Choose another port with --port.") from None


def _environment(services: dict[str, str], *, url: str) -> dict[str, str]:
    defaults = {
        "PUBLIC_URL": url,
        "LOG_JSON": "0",
        "LOG_LEVEL": "WARNING",
        "WORKER_GRACE_S": "1",
        "PYTHONUNBUFFERED": "1",
        # Celery warns if it runs as root. Here, that is the user's choice.
        "PYTHONWARNINGS": "ignore::UserWarning:celery.platforms",
    }
    return {**defaults, **os.environ, **services}


def _children(environment: dict[str, str], *, host: str, port: int, log_requests: bool, debug: bool) -> list[Child]:
    api_environment = environment | ({"LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO")} if log_requests else {})
    manage = [sys.executable, str(ROOT / "manage.py"), "worker", "--queue"]
    uvicorn = [sys.executable, "-m", "uvicorn", "main:app", "--host", host, "--port", str(port)]
    protocol = ["--http", "conf.http.server:BoundedProtocol"]
    server = [*uvicorn, *protocol, "--no-server-header", "--timeout-graceful-shutdown", "5"]
    return [
        Child("API", server, api_environment, has_terminal=debug),
        Child("worker for short jobs", [*manage, "short", "--concurrency", "2"], environment),
        Child("worker for long jobs", [*manage, "long"], environment),
        Child("beat", [sys.executable, "-m", "celery", "--quiet", "-A", CELERY, "beat"], environment),
    ]


def _migrate(environment: dict[str, str], *, accounts: bool) -> str:
    """Migrate the database. With `accounts`, create the demo accounts too, and return them, one per line."""
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", *(["--accounts"] if accounts else [])]
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr or result.stdout).strip().splitlines()[-1]
        raise CannotStart(f"The database cannot be migrated: {reason}")
    return "".join(f"    {line}\n" for line in result.stdout.splitlines()) if accounts else ""


def _wait_until_ready(url: str, children: list[Child], stop_signal: _StopSignal) -> None:
    end = time.monotonic() + READY_S
    with httpx.Client(timeout=5, trust_env=False) as client:
        while not stop_signal:
            for child in children:
                if child.has_ended():
                    raise CannotStart(f"The {child.name} did not start.")
            try:
                if client.get(f"{url}/healthcheck/ready").is_success:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > end:
                raise CannotStart(f"Campus was not ready within {READY_S} s.")
            stop_signal.wait(0.05)


def _create_samples(environment: dict[str, str]) -> Child:
    child = Child("samples", [sys.executable, str(ROOT / "manage.py"), "demo"], environment)
    child.start()
    return child


def _supervise(
    children: list[Child],
    services: list[Service],
    samples: Child | None,
    samples_done: Path,
    stop_signal: _StopSignal,
    code: _CodeWatcher | None,
) -> None:
    """Restart each service and each child that dies, and all children if the code changes.

    Raises: CannotStart, if one of them dies too often.
    """
    parts: list[Service | Child] = [*services, *children]
    restarts = {part.name: _Restarts() for part in parts}
    while not stop_signal.wait(0.2 if code is None else 0.5):
        if code is not None and (changes := code.changes()):
            restarts |= {child.name: _Restarts() for child in children}
            _restart(children, code, changes)
        if samples is not None and samples.has_ended():
            if samples.has_succeeded():
                samples_done.touch()
            samples = None
        for part in parts:
            is_child = isinstance(part, Child)
            subject = f"The {part.name}" if is_child else part.name
            if not part.has_ended() or (is_child and code is not None and code.is_broken):
                continue
            match restarts[part.name].next_step():
                case "wait":
                    continue
                case "give up" if is_child and code is not None:
                    console.print(f"{subject} keeps dying. The next change of the code restarts it.", style="red")
                    code.is_broken = True
                case "give up":
                    raise CannotStart(f"{subject} keeps dying. See the folder logs in the data folder.")
                case _:
                    console.print(f"{subject} has died and is restarted.", style="yellow")
                    with contextlib.suppress(CannotStart):  # it is tried again
                        part.start()
    if samples is not None:
        samples.terminate()
        samples.wait_or_kill(until=time.monotonic() + 1)


class _Restarts:
    """Decides when a part that has died is restarted: at once, later, or not any more."""

    def __init__(self) -> None:
        self._restarted_at: list[float] = []
        self._due = 0.0

    def next_step(self) -> Literal["restart", "wait", "give up"]:
        now = time.monotonic()
        self._restarted_at = [at for at in self._restarted_at if now - at < RESTARTS_S]
        if not self._due:
            count = len(self._restarted_at)
            self._due = now + (min(LONGEST_PAUSE_S, 0.25 * 2**count) if count else 0)
        if now < self._due:
            return "wait"
        if len(self._restarted_at) >= RESTARTS:
            return "give up"
        self._restarted_at.append(now)
        self._due = 0.0
        return "restart"


def _restart(children: list[Child], code: _CodeWatcher, changes: list[str]) -> None:
    console.print(f"Changed: {', '.join(changes)}. Campus is restarting.", style="yellow", markup=False)
    _stop(children)
    try:
        _migrate(children[0].environment, accounts=False)
    except CannotStart as error:
        console.print(f"{error} The next change of the code restarts Campus.", style="red", markup=False)
        code.is_broken = True
        return
    code.is_broken = False
    for child in children:
        child.start()


def _stop(children: list[Child]) -> None:
    """Terminate all children at once, and kill those that are still running after `GRACE_S` seconds."""
    until = time.monotonic() + GRACE_S
    for child in children:
        child.terminate()
    for child in children:
        child.wait_or_kill(until=until)
