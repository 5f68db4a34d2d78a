"""`enqueue`: write a job in the caller's transaction. A commit publishes its id; a rollback discards it."""

import inspect
from typing import Any

from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.models import Job
from conf._celery.publisher import publish_after_commit
from conf._celery.task import JobTask, find


def task_of(name: str) -> JobTask:
    """Return the task of that name. Raises: LookupError, if no installed resource has it."""
    task = find(name)
    if task is None:
        raise LookupError(f"no installed resource has the task {name}")
    return task


def enqueue(db: Session, name: str, *, owner_id: int | None = None, delay_s: float = 0, **args: Any) -> Job:
    """Run the task `name` with `args` (JSON values) after the commit, and not before `delay_s` seconds have passed.

    `owner_id`: the user who may watch, cancel and retry the job; None: only admins.
    Raises: LookupError, if there is no such task; TypeError, if the task does not take these arguments.
    """
    task = task_of(name)
    _check_arguments(task, args)
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
        publish_after_commit(db, job)
    return job


def enqueue_all(db: Session, name: str, calls: list[dict[str, Any]]) -> None:
    """Enqueue the task `name` once for each dictionary of arguments, as jobs without an owner. Raises: as `enqueue`."""
    task = task_of(name)
    for args in calls:
        _check_arguments(task, args)
    jobs = crud.create_all(db, name=name, calls=calls, queue=task.job_queue, max_attempts=task.max_attempts)
    for job in jobs:
        publish_after_commit(db, job)


def _check_arguments(task: JobTask, args: dict[str, Any]) -> None:
    """A wrong argument is an error of the caller now, not a job that fails later."""
    signature = inspect.signature(inspect.unwrap(task.run))
    given = {name: None for name in ("self", "db") if name in signature.parameters}
    try:
        signature.bind(**given, **args)
    except TypeError:
        takes = ", ".join(name for name in signature.parameters if name not in ("self", "db")) or "no arguments"
        raise TypeError(f"the task {task.name} takes {takes}; it was given {', '.join(args) or 'none'}") from None
