"""Run a program on untrusted input: no network, no environment, nothing to read but the system and what it is given,
one folder to write. By bubblewrap where the machine has it and allows it; limits on memory and life in any case.
"""

import contextlib
import functools
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from conf.children import die_with_parent
from conf.errors import Invalid, Unavailable
from conf.settings import get_settings

log = structlog.get_logger(__name__)

MEMORY_BYTES = 6 * 1024**3
"""Address space. A ladder from 1080p takes 1.5 GiB with four threads."""
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
OUTPUT_BYTES, ERRORS_BYTES = 100_000, 4000


@dataclass(frozen=True)
class Ended:
    """How a program ended: what it printed (the beginning), its complaints (the end), its status."""

    output: bytes
    errors: str
    status: int

    @property
    def killed(self) -> bool:
        """Whether somebody killed it; above 128 is how bubblewrap tells."""
        return self.status < 0 or self.status in (128 + signal.SIGKILL, 128 + signal.SIGTERM)


def wrap(command: Sequence[str], *, readable: Sequence[Path] = (), work: Path | None = None) -> list[str]:
    """The command line that runs `command` inside, with `readable` at the paths they have outside, and `work` writable
    and current. Unavailable where SANDBOX=required and bubblewrap does not work."""
    if not available():
        return list(command)
    binds = [option for path in readable for option in ("--ro-bind", str(path), str(path))]
    if work is not None:
        binds += ["--bind", str(work), str(work), "--chdir", str(work)]
    return [*_prefix(), *binds, "--", *command]


def start(command: Sequence[str], *, readable: Sequence[Path] = (), work: Path) -> subprocess.Popen[bytes]:
    """Start `command` inside; its standard output and error are pipes. It dies with us."""
    return subprocess.Popen(
        wrap(command, readable=readable, work=work),
        cwd=work,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_limits(),  # noqa: PLW1509  # it calls the kernel twice and nothing of Python's
        start_new_session=True,
    )


def run(
    command: Sequence[str],
    *,
    readable: Sequence[Path] = (),
    work: Path,
    limit_s: float,
    tick: Callable[[], None] = lambda: None,
    took: Callable[[bytes], bool] = lambda _: False,
) -> Ended:
    """Run `command` inside to its end. Killed when `tick`, called twice a second, raises, or after `limit_s` (Invalid).

    `took` is shown each line of the output, and says of which that it was for it.
    """
    process = start(command, readable=readable, work=work)
    output, errors = bytearray(), bytearray()
    readers = [
        threading.Thread(target=_keep_end, args=(process.stderr, errors), daemon=True),
        threading.Thread(target=_keep_beginning, args=(process.stdout, output, took), daemon=True),
    ]
    for reader in readers:
        reader.start()
    end = time.monotonic() + limit_s
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
                break
            tick()
            if time.monotonic() > end:
                raise Invalid("The file takes too long to process.")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for reader in readers:
            reader.join(5)
    return Ended(bytes(output), errors.decode(errors="replace").strip(), process.returncode)


def run_python(
    program: str, arguments: Sequence[str], *, readable: Sequence[Path], work: Path, limit_s: float
) -> Ended:
    """Run a Python file inside, with the libraries that we have."""
    ours = [Path(program), *{Path(sys.prefix), Path(sys.base_prefix)}]
    command = [sys.executable, "-I", "-B", program, *arguments]
    return run(command, readable=[*readable, *ours], work=work, limit_s=limit_s)


def _keep_end(pipe: Any, into: bytearray) -> None:
    with pipe:
        for line in pipe:
            into += line
            del into[:-ERRORS_BYTES]


def _keep_beginning(pipe: Any, into: bytearray, took: Callable[[bytes], bool]) -> None:
    with pipe:
        for line in pipe:
            if not took(line) and len(into) < OUTPUT_BYTES:
                into += line


@functools.cache
def available() -> bool:
    """Whether bubblewrap works here, as wanted by SANDBOX. Said in the log once, when it does not."""
    mode = get_settings().sandbox
    if mode == "off":
        return False
    reason = _why_not()
    if reason and mode == "required":
        raise Unavailable(f"SANDBOX=required, but {reason}.", retry_after=300)
    if reason:
        log.warning("untrusted files are handled without a sandbox", reason=reason)
    return not reason


def _why_not() -> str:
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian: apt install bubblewrap)"
    trial = subprocess.run([*_prefix(), "--", "/usr/bin/true"], env=ENVIRONMENT, capture_output=True, check=False)
    if trial.returncode == 0:
        return ""
    return "bubblewrap does not work here: " + trial.stderr.decode(errors="replace").strip()[:200]


def _prefix() -> list[str]:
    merged = [path for path in ("/bin", "/lib", "/lib64", "/sbin") if Path(path).exists()]
    system = [
        option
        for path in merged
        for option in (
            ("--symlink", str(Path(path).readlink()), path) if Path(path).is_symlink() else ("--ro-bind", path, path)
        )
    ]
    return [
        shutil.which("bwrap") or "bwrap",
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
        *(option for name, value in ENVIRONMENT.items() for option in ("--setenv", name, value)),
        *("--ro-bind", "/usr", "/usr", *system),
        *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
        *("--ro-bind-try", "/etc/alternatives", "/etc/alternatives"),
        *("--dev", "/dev", "--tmpfs", "/tmp"),  # noqa: S108  # inside, it is its own
    ]


def _limits() -> Callable[[], None]:
    die = die_with_parent(signal.SIGKILL)

    def apply() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        die()

    return apply
