"""Repair what a crash left behind, every `SWEEP_S`: expired leases, due jobs without a message, old work folders."""

import time
from collections.abc import Sequence

import structlog
from celery import Task
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.app import celery_app
from conf._celery.publisher import publish_after_commit, publisher
from conf._celery.task import end
from conf.db.dependencies import with_db_session
from conf.settings import get_settings
from conf.work import sweep_work

log = structlog.get_logger(__name__)

BATCH = 500
KEEP_DAYS = 30


@celery_app.task(name="conf.sweep", base=Task, acks_late=False)
def sweep() -> None:
    """The periodic task. It does nothing if another sweep has just begun, for example after two messages."""
    if not _begin():
        return
    for job_id in _expired():
        try:
            requeue_expired(job_id=job_id)
        except Exception:  # one bad job must not block the others
            log.exception("the sweep failed for a job", job_id=job_id)
    publish_due(for_s=get_settings().sweep_s)
    prune()
    sweep_work()


@with_db_session
def _begin(*, db: Session) -> bool:
    return crud.begin_sweep(db, every_s=get_settings().sweep_s)


@with_db_session
def _expired(*, db: Session) -> Sequence[int]:
    return crud.expired(db, limit=BATCH)


@with_db_session
def requeue_expired(*, job_id: int, db: Session) -> None:
    """Requeue a job whose lease has expired; fail it if it has no attempts left."""
    job = crud.lock(db, job_id=job_id)
    if not crud.is_expired(db, job=job):
        return
    log.warning("a lease expired", job_id=job.id, task=job.name, worker=job.worker, attempt=job.attempt)
    end(db, job, status=None, error="The worker stopped in the middle of the work.", backoff=False)


def publish_due(*, for_s: float) -> int:
    """Publish due jobs that no worker has claimed, for at most `for_s` seconds. Return their number.

    If the first message of a job is only delayed in a long queue, the job gets a second one. Whichever is read last is
    dropped.
    """
    until, published = time.monotonic() + for_s, 0
    while time.monotonic() < until:
        count = _publish_batch()
        publisher().flush(max(0.1, until - time.monotonic()))
        published += count
        if count < BATCH:
            break
    return published


@with_db_session
def _publish_batch(*, db: Session) -> int:
    jobs = crud.publish_due(db, silent_s=get_settings().sweep_s, limit=BATCH)
    for job in jobs:
        publish_after_commit(db, job)
    return len(jobs)


@with_db_session
def prune(*, db: Session) -> None:
    """Delete jobs that ended more than `KEEP_DAYS` days ago."""
    crud.prune(db, older_than_days=KEEP_DAYS, limit=BATCH)
