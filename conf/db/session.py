"""Engines and sessions. Made on first use, so a process that forks before (gunicorn, celery) shares no connection."""

import contextlib
import functools
import threading
from typing import Any, cast

import psycopg2
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from conf.settings import get_settings

CONNECT: dict[str, object] = {
    "application_name": "campus",
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms: a host that vanished is noticed
    "options": "-c lock_timeout=5s -c statement_timeout=30s -c timezone=UTC",
}


READ_ONLY = {"options": f"{CONNECT['options']} -c default_transaction_read_only=on"}
"""What a safe request writes is refused by PostgreSQL: it would be kept at once, whatever follows."""


def _engine(url: str, connect: dict[str, object], **options: object) -> Engine:
    return create_engine(
        url,
        pool_size=get_settings().threads + get_settings().heavy_threads,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,
        connect_args=connect,
        hide_parameters=True,  # errors go into the log, and they hold what people sent
        **options,
    )


@functools.cache
def write_engine() -> Engine:
    """The main database. A connection is tried before it is lent: a restart of PostgreSQL is not seen by its users."""
    return _engine(get_settings().database_url, CONNECT, pool_pre_ping=True)


@functools.cache
def read_engine() -> Engine:
    """For safe requests: autocommit, so a read is one round trip. The route class repeats one that lost its connection,
    unless dependencies with `yield` have begun."""
    settings = get_settings()
    url = settings.database_read_url or settings.database_url
    return _engine(url, CONNECT | READ_ONLY, isolation_level="AUTOCOMMIT")


@functools.cache
def probe_engine() -> Engine:
    """For health checks: a connection of its own each time, so that busy threads are no dead database."""
    return create_engine(get_settings().database_url, poolclass=NullPool, connect_args=CONNECT)


class RequestSession(Session):
    """A session that cannot be used after its request: what still has it would hold a connection."""

    is_over = False

    def end(self) -> None:
        self.close()
        self.is_over = True

    def get_bind(self, *_: Any, **__: Any) -> Engine | Connection:
        if self.is_over:
            raise RuntimeError(
                "the session of a request ends with its route: open another for a background task or a stream"
                " (`with_db_session`)"
            )
        return write_engine()


def open_session(*, read_only: bool = False) -> Session:
    """A session that takes its connection at the first query. Who opens it closes it."""
    if read_only:
        return ReadSession()
    return RequestSession(expire_on_commit=False, autoflush=True)


class _Own(threading.local):
    connection: Connection | None = None


_own = _Own()


class ReadSession(RequestSession):
    """A session for safe requests, on a connection that its thread keeps between them. The pool has one for each thread
    that serves requests."""

    def __init__(self) -> None:
        super().__init__(expire_on_commit=False, autoflush=False)

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        super().get_bind()
        return _connection()

    def fetch(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run SQL text past SQLAlchemy, which takes twice the time of psycopg2 alone. Raises: DBAPIError."""
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


def _connection() -> Connection:
    """This thread's connection for reads. One that was lost is replaced. Raises: OperationalError."""
    connection = _own.connection
    if connection is not None and not connection.closed:
        raw = connection.connection.dbapi_connection if not connection.invalidated else None
        if raw is not None and not raw.closed:
            return connection
    _forget_connection()
    _own.connection = read_engine().connect()
    return _own.connection


def _forget_connection() -> None:
    connection, _own.connection = _own.connection, None
    if connection is not None and not connection.closed:
        connection.invalidate()
        connection.close()


def rollback_and_release_connection(db: Session) -> None:
    """Roll back and give the connection back, before an error goes on its way."""
    db.close()


def release_connection(db: Session) -> None:
    """Give the connection back before long work that is not SQL; rows read so far stay readable, detached.

    Nothing may be pending: it would be lost.
    """
    assert not [*db.new, *db.dirty, *db.deleted], "release_connection() would lose changes"
    db.close()


def dispose() -> None:
    """Close the pools and this thread's connection, as before a fork or at the end of a test run."""
    _forget_connection()
    for engine in (write_engine, read_engine):
        if engine.cache_info().currsize:
            engine().dispose()
