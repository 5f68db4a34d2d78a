"""The checks of the readiness probe. Each raises an exception if it fails."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext

from conf._celery.app import broker_answers
from conf.db.migrate import missing
from conf.db.session import probe_engine
from conf.storage.store import storage

TIMEOUT_S = 3.0


@dataclass(frozen=True)
class Result:
    """The result of one check."""

    name: str
    error: str | None
    """Why it failed; None if it passed."""
    ms: float
    """Duration in milliseconds."""
    needed: bool
    """Whether the process is not ready if this check fails."""


def database() -> None:
    with probe_engine().connect() as connection:
        connection.exec_driver_sql("SELECT 1")


def migrations() -> None:
    with probe_engine().connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    if behind := missing(current):
        raise RuntimeError(f"The migrations {', '.join(sorted(behind))} are missing. Run `manage.py migrate`.")


def broker() -> None:
    broker_answers(timeout_s=TIMEOUT_S - 1)


def stored_files() -> None:
    storage().check()


CHECKS: dict[str, tuple[Callable[[], None], bool]] = {
    "database": (database, True),
    "migrations": (migrations, True),
    # Without the broker, jobs wait in PostgreSQL and requests can still be served. So its failure is only reported.
    "broker": (broker, False),
    "storage": (stored_files, True),
}


async def run_all() -> list[Result]:
    """Run all checks concurrently, each for at most `TIMEOUT_S` seconds."""
    return list(await asyncio.gather(*(_run(name, check, needed) for name, (check, needed) in CHECKS.items())))


async def _run(name: str, check: Callable[[], None], needed: bool) -> Result:
    start = time.perf_counter()
    try:
        await asyncio.wait_for(asyncio.to_thread(check), TIMEOUT_S)
        error = None
    except TimeoutError:
        error = f"No response within {TIMEOUT_S:.0f} s."
    except Exception as failure:  # noqa: BLE001  # any exception is the result of the check
        error = str(failure).splitlines()[0][:200] or type(failure).__name__
    return Result(name, error, round((time.perf_counter() - start) * 1000, 1), needed)
