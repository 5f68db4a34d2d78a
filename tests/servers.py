"""Real servers for tests: found running, or started here on ports of their own and stopped at the end."""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from conf.embedded.postgresql import postgres
from tests.processes import spawn

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
PREFIX = "campus_test_"
RABBITMQ_BIN = Path("/usr/lib/rabbitmq/bin")  # the wrappers in /usr/sbin would change the user


_FIRST = 21_000 + 1_500 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_ports = itertools.chain(range(_FIRST + os.getpid() % 1_400, _FIRST + 1_500), range(_FIRST, _FIRST + 1_500))
"""Ports below those that the system gives to clients. Each worker has its own range, and each test run begins somewhere
else in it, so that two that run at the same time do not choose the same port."""


def free_port() -> int:
    for port in _ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is no free port")


def wait_for(condition: Callable[[], bool], *, within_s: float, what: str) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {within_s} s"
        time.sleep(0.05)


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder whose way is open to the user PostgreSQL runs as."""
    folder = Path(tempfile.mkdtemp(prefix="campus-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def any_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server: the one that runs here, else the wheel's."""
    with contextlib.suppress(psycopg2.OperationalError):
        psycopg2.connect(POSTGRES, connect_timeout=2).close()
        yield POSTGRES
        return
    with open_folder() as folder:
        server = OwnPostgres(folder)
        with server.running():
            yield server.url


@contextlib.contextmanager
def new_database(server_url: str, *, durable: bool = True) -> Iterator[str]:
    """The URL of an empty database on that server, dropped at the end. Not `durable`: a commit does not wait for the
    disk, which is faster, and loses commits when the server crashes."""
    name = f"{PREFIX}{os.getpid()}_{uuid.uuid4().hex[:8]}"
    _execute(server_url, f"CREATE DATABASE {name}")
    if not durable:
        _execute(server_url, f"ALTER DATABASE {name} SET synchronous_commit = off")
    try:
        yield f"{server_url.rpartition('/')[0]}/{name}"
    finally:
        _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def drop_abandoned_databases(server_url: str) -> None:
    """Drop the databases of test runs on this machine that were killed."""
    connection = psycopg2.connect(server_url)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        names = [str(row[0]) for row in cursor]
    for name in names:
        owner = name.removeprefix(PREFIX).partition("_")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            with contextlib.suppress(psycopg2.Error):  # another run does the same at this moment
                _execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _execute(server_url: str, statement: str) -> None:
    connection = psycopg2.connect(server_url)
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)


class OwnPostgres:
    """The wheel's PostgreSQL with a data folder of its own: may be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"postgresql://campus:secret@127.0.0.1:{self._port}/postgres"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with postgres(self._folder, self._folder, self._port, "secret").running():
            yield


class RabbitMQ:
    """A RabbitMQ node of our own, to stop and kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}//"
        node = f"campus{uuid.uuid4().hex[:8]}@localhost"
        for name in ("mnesia", "log", "home"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self._port}\n")
        (folder / "enabled_plugins").write_text("[].\n")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": node,
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self._folder / "log" / "stdout").open("ab") as log:
            self._process = spawn(
                [RABBITMQ_BIN / "rabbitmq-server"],
                cwd=self._folder,  # where Erlang leaves its dumps
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        wait_for(self._answers, within_s=60, what="RabbitMQ starts")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)
            self._process.wait(30)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1) as line:
            line.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(line.recv(1))
        return False


@contextlib.contextmanager
def own_rabbitmq() -> Iterator[RabbitMQ]:
    if not (RABBITMQ_BIN / "rabbitmq-server").exists():
        pytest.skip("RabbitMQ is not installed (Debian: apt install rabbitmq-server)")
    with open_folder() as folder:
        server = RabbitMQ(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
