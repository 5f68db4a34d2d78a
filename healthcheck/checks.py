"""The checks of the readiness probe. Each raises an exception if it fails."""

import asyncio
import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext

from conf._celery.app import broker_answers
from conf.db.migrate import missing
from conf.db.session import probe_engine
from conf.settings import get_settings
from conf.storage.store import storage

TIMEOUT_S = 3.0
PRIVATE_LOG = {
    "log_min_error_statement": ("fatal", "panic"),
    "log_error_verbosity": ("terse",),
    "log_statement": ("none", "ddl"),
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
}
"""Settings of PostgreSQL with which its log contains no values of statements and rows, and their accepted values."""


@dataclass(frozen=True)
class Result:
    """The result of one check."""

    name: str
    error: str | None
    """Why it failed; None if it passed."""
    ms: float
    """Duration in milliseconds."""
    severity: "Severity"


class Severity(enum.IntEnum):
    """What it means if a check fails."""

    WARNING = 1
    """The process is ready, and works. An operator should change a setting."""
    DEGRADED = 2
    """The process is ready, but something is slower or delayed."""
    FAILING = 3
    """The process is not ready."""


def database() -> None:
    with probe_engine().connect() as connection:
        if connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar():
            raise RuntimeError("DATABASE_URL leads to a standby, which refuses writes.")


def replica() -> None:
    if get_settings().database_read_url:
        with probe_engine(of_replica=True).connect() as connection:
            connection.exec_driver_sql("SELECT 1")


def database_log() -> None:
    """Check that PostgreSQL does not write users' data into its log: an error has the statement, and a violated
    constraint the row."""
    with probe_engine().connect() as connection:
        rows = connection.exec_driver_sql("SELECT name, setting FROM pg_settings WHERE name LIKE 'log%%'")
        settings = {row[0]: row[1] for row in rows}
    wrong = [
        f"{name} = {settings[name]}"
        for name, right in PRIVATE_LOG.items()
        if name in settings and settings[name] not in right
    ]
    if wrong:
        raise RuntimeError(f"PostgreSQL writes users' data into its log: {', '.join(wrong)}.")


def migrations() -> None:
    with probe_engine().connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    if behind := missing(current):
        raise RuntimeError(f"The migrations {', '.join(sorted(behind))} are missing. Run `manage.py migrate`.")


def broker() -> None:
    broker_answers(timeout_s=TIMEOUT_S - 1)


def stored_files() -> None:
    storage().check()


CHECKS: dict[str, tuple[Callable[[], None], Severity]] = {
    "database": (database, Severity.FAILING),
    "migrations": (migrations, Severity.FAILING),
    "replica": (replica, Severity.DEGRADED),  # the main database serves its reads
    # Without the broker, jobs wait in PostgreSQL and requests can still be served. So its failure is only reported.
    "broker": (broker, Severity.DEGRADED),
    "storage": (stored_files, Severity.FAILING),
    "database log": (database_log, Severity.WARNING),
}


async def run_all() -> list[Result]:
    """Run all checks concurrently, each for at most `TIMEOUT_S` seconds."""
    return list(await asyncio.gather(*(_run(name, check, severity) for name, (check, severity) in CHECKS.items())))


async def _run(name: str, check: Callable[[], None], severity: Severity) -> Result:
    start = time.perf_counter()
    try:
        await asyncio.wait_for(asyncio.to_thread(check), TIMEOUT_S)
        error = None
    except TimeoutError:
        error = f"No response within {TIMEOUT_S:.0f} s."
    except Exception as failure:  # noqa: BLE001  # any exception is the result of the check
        error = str(failure).splitlines()[0][:200] or type(failure).__name__
    return Result(name, error, round((time.perf_counter() - start) * 1000, 1), severity)
