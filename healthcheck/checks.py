"""What must work before requests are let in. Each check raises when it does not."""

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
    name: str
    error: str | None
    ms: float
    needed: bool


def database() -> None:
    with probe_engine().connect() as connection:
        connection.exec_driver_sql("SELECT 1")


def migrations() -> None:
    with probe_engine().connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    if behind := missing(current):
        raise RuntimeError(f"not migrated to {', '.join(sorted(behind))}: run `manage.py migrate`")


def broker() -> None:
    broker_answers(timeout_s=TIMEOUT_S - 1)


def stored_files() -> None:
    storage().check()


CHECKS: dict[str, tuple[Callable[[], None], bool]] = {
    "database": (database, True),
    "migrations": (migrations, True),
    # Work waits in PostgreSQL while the broker is away: requests can be served, so its failure is told, not fatal.
    "broker": (broker, False),
    "storage": (stored_files, True),
}


async def run_all() -> list[Result]:
    """Every check at once, each for `TIMEOUT_S` at most."""
    return list(await asyncio.gather(*(_run(name, check, needed) for name, (check, needed) in CHECKS.items())))


async def _run(name: str, check: Callable[[], None], needed: bool) -> Result:
    start = time.perf_counter()
    try:
        await asyncio.wait_for(asyncio.to_thread(check), TIMEOUT_S)
        error = None
    except TimeoutError:
        error = f"no answer in {TIMEOUT_S:.0f} s"
    except Exception as failure:  # noqa: BLE001  # whatever it is, it is the answer
        error = str(failure).splitlines()[0][:200] or type(failure).__name__
    return Result(name, error, round((time.perf_counter() - start) * 1000, 1), needed)
