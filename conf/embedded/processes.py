"""Start, await and stop the servers of the embedded mode."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from conf.children import die_with_parent

START_S, STOP_S = 60, 10


class CannotStart(Exception):
    """Campus cannot start. The message is one line for the user."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spawn(command: list[str], log: IO[bytes], **options: Any) -> subprocess.Popen[bytes]:
    """Start a child that the terminal's Ctrl-C does not reach. We stop it after the processes that use it."""
    options = {"stdin": subprocess.DEVNULL, "cwd": "/", **options}
    return subprocess.Popen(
        command,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509  # to both servers, it means a fast shutdown
        **options,
    )


def wait(name: str, process: subprocess.Popen[bytes], ready: Any, log: Path) -> None:
    """Wait until `ready()` is true. Raises: CannotStart; the process has ended then."""
    end = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            process.wait()
            raise CannotStart(f"{name} did not start. See {log}.")
        time.sleep(0.01)


@dataclass
class Service:
    """A server that runs as our child. It can be started again after it has died."""

    name: str
    start_process: Callable[[], subprocess.Popen[bytes]]
    """Start it, and wait until it is ready. Raises: CannotStart."""
    stop_signal: signal.Signals
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. Raises: CannotStart."""
        self.process = self.start_process()

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def stop(self) -> None:
        if self.process is None or self.has_ended():
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @contextlib.contextmanager
    def running(self) -> Iterator["Service"]:
        """Start it, and stop it at the end of the block."""
        self.start()
        try:
            yield self
        finally:
            self.stop()
