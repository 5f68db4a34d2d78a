"""`enqueue`: put work on record in the caller's transaction. A rollback takes it back; a commit wakes a worker."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from conf._celery import crud
from conf._celery.models import Job
from conf._celery.task import JobTask, find
from conf._celery.wake import waker


def task_of(name: str) -> JobTask:
    """The task of that name. LookupError when no installed resource has it."""
    task = find(name)
    if task is None:
        raise LookupError(f"no installed resource has the task {name}")
    return task


def enqueue(db: Session, name: str, *, owner_id: int | None = None, delay_s: float = 0, **args: Any) -> Job:
    """Have the task `name` called with `args` (JSON values) after the commit, and after `delay_s` seconds.

    `owner_id`: the user who may watch, cancel and retry it.
    """
    task = task_of(name)
    job = crud.create(
        db,
        name=name,
        args=args,
        queue=task.job_queue,
        max_attempts=task.max_attempts,
        owner_id=owner_id,
        delay_s=delay_s,
    )
    if not delay_s:
        wake_after_commit(db, job)
    return job


def enqueue_all(db: Session, name: str, calls: list[dict[str, Any]]) -> None:
    """The house's own: have the task `name` called once with each of these arguments, after the commit."""
    task = task_of(name)
    jobs = crud.create_all(db, name=name, calls=calls, queue=task.job_queue, max_attempts=task.max_attempts)
    for job in jobs:
        wake_after_commit(db, job)


def wake_after_commit(db: Session, job: Job) -> None:
    """Send the message for this job once the transaction has been committed."""
    db.info.setdefault("wake", []).append((job.name, job.queue, job.id))


@event.listens_for(Session, "after_commit")
def _wake(db: Session) -> None:
    if db.in_nested_transaction():  # a savepoint was released
        return
    for name, queue, job_id in db.info.pop("wake", ()):
        waker().wake(name, queue, job_id)


@event.listens_for(Session, "after_soft_rollback")
def _forget(db: Session, previous: SessionTransaction) -> None:
    """Of a savepoint the rows are gone too; a message for one of them is dropped by whoever reads it."""
    if not previous.nested:
        db.info.pop("wake", None)
