"""Every 15 s, what a crash left lying: leases that ended, due jobs without a message, dead work folders."""

from collections.abc import Callable, Sequence

import structlog
from celery import Task
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.app import celery_app
from conf._celery.enqueue import wake_after_commit
from conf._celery.models import JobStatus
from conf._celery.task import end
from conf.db.dependencies import with_db_session
from conf.settings import get_settings
from conf.work import sweep_work

log = structlog.get_logger(__name__)

BATCH = 500
KEEP_DAYS = 30


@celery_app.task(name="conf.sweep", base=Task, acks_late=False)
def sweep() -> None:
    for job_id in _expired():
        _alone(give_back, job_id=job_id)
    for job_id in _due():
        _alone(wake, job_id=job_id)
    forget_old()
    sweep_work()


def _alone(step: Callable[..., None], *, job_id: int) -> None:
    """One job in a transaction of its own: one that cannot be dealt with stands in no other's way."""
    try:
        step(job_id=job_id)
    except Exception:
        log.exception("the sweep cannot deal with a job", job_id=job_id)


@with_db_session
def _expired(*, db: Session) -> Sequence[int]:
    return crud.expired(db, limit=BATCH)


@with_db_session
def _due(*, db: Session) -> Sequence[int]:
    return crud.due(db, silent_s=get_settings().sweep_s, limit=BATCH)


@with_db_session
def give_back(*, job_id: int, db: Session) -> None:
    """Requeue, or fail, a job whose worker has gone silent."""
    job = crud.lock(db, job_id=job_id)
    if not crud.is_expired(db, job=job):
        return
    log.warning("a worker went silent", job_id=job.id, task=job.name, worker=job.worker, attempt=job.attempt)
    end(db, job, status=None, error="The worker stopped in the middle of the work.")


@with_db_session
def wake(*, job_id: int, db: Session) -> None:
    """Send a message for a due job that has none. One that still stands in a long line gets a second: it is dropped by
    whoever reads it too late, and each further one comes after twice the time."""
    job = crud.lock(db, job_id=job_id)
    if job.status == JobStatus.QUEUED:
        crud.note_wake(db, job=job)
        wake_after_commit(db, job)


@with_db_session
def forget_old(*, db: Session) -> None:
    crud.prune(db, older_than_days=KEEP_DAYS, limit=BATCH)
