"""Start processes that do not outlive the test run, even if it is killed.

A watchdog process reads the ids of process groups from a pipe. When the test run ends, however it ends, the pipe is
closed, and the watchdog kills every group that is still there.
"""

import functools
import subprocess
import sys
from typing import Any

_WATCHDOG = """
import os, signal, sys

def started_at(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[19]
    except OSError:
        return None

signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
leaders = {int(line): started_at(int(line)) for line in iter(sys.stdin.readline, "")}
for group, start in leaders.items():
    if started_at(group) in (start, None):  # else the system has given the number to another process since
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass
"""


@functools.cache
def _watchdog() -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-c", _WATCHDOG]
    return subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)


def spawn(command: Any, **options: Any) -> subprocess.Popen[Any]:
    """As `subprocess.Popen`, in a process group of its own that ends with the test run."""
    process = subprocess.Popen(command, start_new_session=True, **{"stdin": subprocess.DEVNULL} | options)
    watchdog = _watchdog()
    assert watchdog.stdin is not None
    watchdog.stdin.write(f"{process.pid}\n")
    watchdog.stdin.flush()
    return process
