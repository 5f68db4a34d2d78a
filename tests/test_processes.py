"""The processes that tests start end with the test run, even if it is killed."""

import subprocess
import sys
from pathlib import Path

import psutil

from tests.servers import wait_for

SCRIPT = """
import time
from tests.processes import spawn
print(spawn(["sleep", "60"]).pid, flush=True)
time.sleep(60)
"""


def test_a_killed_test_run_leaves_no_process_behind() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    pid = int(run.stdout.readline())
    assert psutil.pid_exists(pid)
    run.kill()
    run.wait()
    run.stdout.close()
    wait_for(lambda: not _is_running(pid), within_s=10, what="the process has ended")


def _is_running(pid: int) -> bool:
    """A zombie, which nobody has waited for, has ended."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
