"""Every 15 s, what a crash left lying: leases that ended, due jobs without a message, dead work folders."""

import structlog
from celery import Task
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.app import QUEUES, celery_app, connect
from conf._celery.enqueue import task_of, wake_after_commit
from conf._celery.models import Job, JobStatus
from conf._celery.task import end
from conf.db.dependencies import with_db_session
from conf.settings import get_settings
from conf.storage.work import sweep_work

log = structlog.get_logger(__name__)

BATCH = 500
KEEP_DAYS = 30


@celery_app.task(name="conf.sweep", base=Task, acks_late=False)
def sweep() -> None:
    while give_back_expired() == BATCH:
        pass
    for queue in QUEUES:
        wake_due(queue=queue)
    forget_old()
    sweep_work()


@with_db_session
def give_back_expired(*, db: Session) -> int:
    """Requeue, or fail, the jobs whose worker has gone silent. How many."""
    jobs = crud.expired(db, limit=BATCH)
    for job in jobs:
        log.warning("a worker went silent", job_id=job.id, task=job.name, worker=job.worker, attempt=job.attempt)
        end(db, task_of(job.name), job, status=None, error="The worker stopped in the middle of the work.")
    return len(jobs)


@with_db_session
def wake_due(*, queue: str, db: Session) -> None:
    """Send a message for each due job that has none.

    A job that was never woken needs one. One that was woken long ago may still stand in a long line, so of those only
    as many are woken again as the broker's line is short of.
    """
    waiting = crud.count(db, queue=queue).get((queue, JobStatus.QUEUED), 0)
    if not waiting:
        return
    jobs = crud.due(db, queue=queue, silent_s=get_settings().sweep_s, limit=BATCH)
    fresh = [job for job in jobs if job.woken_at is None]
    stale = [job for job in jobs if job.woken_at is not None]
    lost = max(0, len(fresh) + len(stale) - _line(queue)) if stale else 0
    for job in [*fresh, *stale[:lost]]:
        _wake(db, job)


@with_db_session
def forget_old(*, db: Session) -> None:
    crud.prune(db, older_than_days=KEEP_DAYS, limit=BATCH)


def _wake(db: Session, job: Job) -> None:
    crud.note_wake(db, job=job)
    wake_after_commit(db, job)


def _line(queue: str) -> int:
    """How many messages stand in the broker's line."""
    connection = connect(timeout_s=2)
    try:
        return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
    finally:
        connection.collect(2)
