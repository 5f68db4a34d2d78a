"""Start, await and stop the servers of the embedded mode."""

import signal
import socket
import subprocess
import time
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
    end = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise CannotStart(f"{name} did not start. See {log}.")
        time.sleep(0.01)


def stop(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
