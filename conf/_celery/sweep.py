"""Repair what a crash left behind, every `SWEEP_S`: expired leases, due jobs without a message, old work folders."""

from collections.abc import Callable, Sequence

import structlog
from celery import Task
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.app import celery_app
from conf._celery.enqueue import publish_after_commit
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
    """The periodic task."""
    for job_id in _expired():
        _in_own_transaction(requeue_expired, job_id=job_id)
    for job_id in _due():
        _in_own_transaction(publish_again, job_id=job_id)
    prune()
    sweep_work()


def _in_own_transaction(step: Callable[..., None], *, job_id: int) -> None:
    """Call `step` for one job and log its error, so that one bad job does not block the others."""
    try:
        step(job_id=job_id)
    except Exception:
        log.exception("the sweep failed for a job", job_id=job_id)


@with_db_session
def _expired(*, db: Session) -> Sequence[int]:
    return crud.expired(db, limit=BATCH)


@with_db_session
def _due(*, db: Session) -> Sequence[int]:
    return crud.due(db, silent_s=get_settings().sweep_s, limit=BATCH)


@with_db_session
def requeue_expired(*, job_id: int, db: Session) -> None:
    """Requeue a job whose lease has expired; fail it if it has no attempts left."""
    job = crud.lock(db, job_id=job_id)
    if not crud.is_expired(db, job=job):
        return
    log.warning("a lease expired", job_id=job.id, task=job.name, worker=job.worker, attempt=job.attempt)
    end(db, job, status=None, error="The worker stopped in the middle of the work.")


@with_db_session
def publish_again(*, job_id: int, db: Session) -> None:
    """Publish a due job that no worker has claimed.

    If its first message is only delayed in a long queue, the job gets a second one. Whichever is read last is dropped.
    """
    job = crud.lock(db, job_id=job_id)
    if job.status == JobStatus.QUEUED:
        crud.record_publication(db, job=job)
        publish_after_commit(db, job)


@with_db_session
def prune(*, db: Session) -> None:
    """Delete jobs that ended more than `KEEP_DAYS` days ago."""
    crud.prune(db, older_than_days=KEEP_DAYS, limit=BATCH)
