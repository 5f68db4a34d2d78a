"""Engines and sessions. Engines are created on first use, so forked processes (gunicorn, Celery) share no connections
with their parent."""

import contextlib
import functools
import threading
import time
from typing import Any, cast

import psycopg2
import structlog
from pydantic_core import from_json
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from conf.settings import get_settings

log = structlog.get_logger(__name__)

RETRY_REPLICA_S, LONGEST_PAUSE_S = 5, 60
"""Seconds after which the read replica is tried again once it has failed. They double with each failure."""
CONNECT: dict[str, object] = {
    "application_name": "campus",
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms after which a lost host is noticed
    "options": "-c lock_timeout=5s -c statement_timeout=30s -c timezone=UTC",
}


READ_ONLY = {"options": f"{CONNECT['options']} -c default_transaction_read_only=on"}
"""PostgreSQL refuses writes of safe requests: in autocommit mode, they could not be rolled back."""
REPLICA: dict[str, object] = {"connect_timeout": 2}


def _engine(url: str, connect: dict[str, object], **options: object) -> Engine:
    return create_engine(
        url,
        pool_size=get_settings().threads + get_settings().heavy_threads,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,
        connect_args=connect,
        json_deserializer=from_json,
        hide_parameters=True,  # errors are logged, and parameters contain user input
        **options,
    )


@functools.cache
def write_engine() -> Engine:
    """Return the engine of the main database. Connections are tested before use, so a restart of PostgreSQL goes
    unnoticed."""
    return _engine(get_settings().database_url, CONNECT, pool_pre_ping=True)


@functools.cache
def main_read_engine() -> Engine:
    """Return the engine for safe requests on the main database.

    It uses autocommit, so that a read is one round trip. If a connection was lost, the route class repeats the request,
    unless a dependency with `yield` has already been entered.
    """
    return _engine(get_settings().database_url, CONNECT | READ_ONLY, isolation_level="AUTOCOMMIT")


@functools.cache
def replica_engine() -> Engine | None:
    """Return the engine for safe requests on the read replica; None, if there is no replica."""
    url = get_settings().database_read_url
    return _engine(url, CONNECT | READ_ONLY | REPLICA, isolation_level="AUTOCOMMIT") if url else None


class _Replica:
    """Whether the replica answers. While it does not, reads go to the main database."""

    def __init__(self) -> None:
        self._avoid_until = 0.0
        self._pause_s = RETRY_REPLICA_S
        self._connecting = threading.Lock()

    def connection(self) -> Connection | None:
        """Return this thread's connection to the replica; None, if there is no replica, or the main database should be
        used. Only one thread at a time connects, so that a host that does not answer cannot stop all of them."""
        if not get_settings().database_read_url or time.monotonic() < self._avoid_until:
            return None
        open_connection = _open_connection(on_replica=True)
        if open_connection is not None:
            return open_connection
        if not self._connecting.acquire(blocking=False):
            return None
        try:
            connection = _connect(on_replica=True)
            self._pause_s = RETRY_REPLICA_S
            return connection
        except OperationalError:
            log.warning("the read replica is unavailable; the main database serves reads", retry_in_s=self._pause_s)
            self.avoid(self._pause_s)
            self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)
            return None
        finally:
            self._connecting.release()

    def avoid(self, seconds: float) -> None:
        """Use the main database for some seconds."""
        self._avoid_until = time.monotonic() + seconds


replica = _Replica()


@functools.cache
def probe_engine(*, of_replica: bool = False) -> Engine:
    """Return the engine for health checks: a new connection each time, so that a busy pool does not fail the check."""
    settings = get_settings()
    url = settings.database_read_url if of_replica else settings.database_url
    return create_engine(url, poolclass=NullPool, connect_args=CONNECT)


class RequestSession(Session):
    """A session that cannot be used after its request has ended, as it would hold a connection that nobody closes."""

    is_over = False

    def end(self) -> None:
        self.close()
        self.is_over = True

    def get_bind(self, *_: Any, **__: Any) -> Engine | Connection:
        if self.is_over:
            raise RuntimeError(
                "the session of a request is closed when its route returns; open another one for a background task or a"
                " stream (`with_db_session`)"
            )
        return write_engine()


def open_session(*, read_only: bool = False) -> Session:
    """Return a session, which the caller must close. It takes a connection at its first query."""
    if read_only:
        return ReadSession()
    return RequestSession(expire_on_commit=False, autoflush=True)


class _ThreadLocal(threading.local):
    def __init__(self) -> None:
        self.connections: dict[bool, Connection] = {}
        """The connections to the main database (False) and to the replica (True)."""


_local = _ThreadLocal()


class ReadSession(RequestSession):
    """A session for safe requests, on a connection that its thread keeps between requests.

    The pool has a connection for each thread that serves requests. `on_main`: use the main database even if there is a
    replica, which may lag behind.
    """

    def __init__(self, *, on_main: bool = False) -> None:
        super().__init__(expire_on_commit=False, autoflush=False)
        self._on_main = on_main

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        super().get_bind()
        found = None if self._on_main else replica.connection()
        return found or _open_connection(on_replica=False) or _connect(on_replica=False)

    def fetch(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Execute SQL text on a psycopg2 cursor, which takes half the time of SQLAlchemy. Raises: DBAPIError."""
        connection = self.get_bind()
        try:
            with contextlib.closing(connection.connection.cursor()) as cursor:
                cursor.execute(query, values)
                return cast(list[tuple[Any, ...]], cursor.fetchall())
        except psycopg2.Error as error:
            raw = connection.connection.dbapi_connection
            raise DBAPIError.instance(
                None,
                None,
                error,
                psycopg2.Error,
                hide_parameters=True,
                connection_invalidated=raw is None or bool(raw.closed),
            ) from error


def read_on_main(db: Session) -> contextlib.AbstractContextManager[Session]:
    """Return a context manager of a session that sees the latest rows: `db`, unless it reads from the replica."""
    if isinstance(db, ReadSession) and get_settings().database_read_url:
        return ReadSession(on_main=True)
    return contextlib.nullcontext(db)


def _open_connection(*, on_replica: bool) -> Connection | None:
    """Return this thread's connection for reads; None, if it has none or has lost it."""
    connection = _local.connections.get(on_replica)
    if connection is not None and not connection.closed:
        raw = connection.connection.dbapi_connection if not connection.invalidated else None
        if raw is not None and not raw.closed:
            return connection
    return None


def _connect(*, on_replica: bool) -> Connection:
    """Open this thread's connection for reads. Raises: OperationalError."""
    _forget_connection(on_replica)
    engine = replica_engine() if on_replica else None
    _local.connections[on_replica] = (engine or main_read_engine()).connect()
    return _local.connections[on_replica]


def _forget_connection(on_replica: bool) -> None:
    connection = _local.connections.pop(on_replica, None)
    if connection is not None and not connection.closed:
        connection.invalidate()
        connection.close()


def rollback_and_release_connection(db: Session) -> None:
    """Roll back, and return the connection to the pool, before an exception propagates."""
    db.close()


def release_connection(db: Session) -> None:
    """Return the connection to the pool, before long work without SQL. Rows read so far are detached but readable.

    The session must have no pending changes, as they would be lost.
    """
    assert not [*db.new, *db.dirty, *db.deleted], "release_connection() would lose changes"
    db.close()


def dispose() -> None:
    """Close the pools and this thread's connections, for example before a fork or at the end of a test run."""
    for on_replica in list(_local.connections):
        _forget_connection(on_replica)
    for made in (write_engine, main_read_engine, replica_engine):
        engine = made() if made.cache_info().currsize else None
        if engine is not None:
            engine.dispose()
