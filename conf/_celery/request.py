"""Requeue the jobs of worker processes that died, as soon as a process that survived them notices."""

import contextlib
import os
from collections.abc import Sequence
from typing import Any

import structlog
from billiard.exceptions import WorkerLostError  # type: ignore[import-untyped]
from celery.worker.request import Request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.models import JobStatus
from conf._celery.task import end, machine, worker_name
from conf.db.dependencies import with_db_session
from conf.db.session import dispose

log = structlog.get_logger(__name__)

REASON = "The worker stopped in the middle of the work."


class JobRequest(Request):
    """A message that a process of the worker's pool handles. The parent process calls `on_failure`."""

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> None:
        """Requeue the job if its process has died. Otherwise the sweep would, but only when the lease has expired."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)  # billiard wraps it
        if isinstance(error, WorkerLostError | SystemExit) and self.worker_pid:
            requeue_of_dead([worker_name(self.hostname, self.worker_pid)])
        super().on_failure(exc_info, *args, **kwargs)


def requeue_of_dead_here() -> None:
    """Requeue the jobs of processes of this machine that do not exist any more, such as those of a killed worker."""
    with contextlib.suppress(SQLAlchemyError):  # the sweep requeues them later
        dead = [worker for worker in _workers() if not _is_alive(int(worker.rpartition("/")[2]))]
        requeue_of_dead(dead)


def requeue_of_dead(workers: Sequence[str]) -> None:
    """Requeue the jobs that these processes, which have died, were running. Ends the connections of this process, as it
    forks."""
    try:
        for worker in workers:
            _requeue(worker=worker)
    except SQLAlchemyError as error:
        log.warning("the jobs of a dead process cannot be requeued; the sweep will do it", error=repr(error))
    finally:
        dispose()


@with_db_session
def _workers(*, db: Session) -> Sequence[str]:
    return crud.workers_at(db, machine=machine())


@with_db_session
def _requeue(*, worker: str, db: Session) -> None:
    for job_id in crud.running_of(db, worker=worker):
        job = crud.lock(db, job_id=job_id)
        if job.status == JobStatus.RUNNING and job.worker == worker:
            log.warning("a worker process died", job_id=job.id, task=job.name, worker=worker, attempt=job.attempt)
            end(db, job, status=None, error=REASON, backoff=False)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
