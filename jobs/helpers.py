"""Use cases on background jobs."""

from typing import Any, TypeVar

from sqlalchemy import Row
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.models import ENDED, Job, JobStatus
from conf._celery.publisher import publish_after_commit
from conf._celery.task import find, stop
from conf.errors import Conflict, NotFound
from iam.roles import Identity


def get(db: Session, *, job_id: int, viewer: Identity) -> Row[Any]:
    """Return the job. Raises: NotFound, also if the viewer is neither its owner nor an admin."""
    return _assert_visible(crud.get(db, job_id=job_id), viewer)


J = TypeVar("J", Job, Row[Any])


def _assert_visible(job: J, viewer: Identity) -> J:
    if job.owner_id != viewer.user_id and not viewer.may("jobs:admin"):
        raise NotFound("job", job.id)
    return job


def cancel_own(db: Session, *, job_id: int, viewer: Identity) -> Job:
    """Cancel the job, as its owner or as an admin. Raises: NotFound; Conflict, as `cancel`."""
    get(db, job_id=job_id, viewer=viewer)
    return cancel(db, job_id=job_id)


def cancel(db: Session, *, job_id: int) -> Job:
    """Cancel the job: at once if it is queued, within seconds if it is running.

    Raises: NotFound; Conflict, if it has ended or its task is not `cancellable`.
    """
    job = crud.lock(db, job_id=job_id)
    task = find(job.name)
    if task is not None and not task.cancellable:
        raise Conflict("This job is internal to the server and cannot be cancelled.")
    if job.status in ENDED:
        raise Conflict(f"The job has already ended. Its status is {job.status}.")
    stop(db, job)
    return job


def retry(db: Session, *, job_id: int, viewer: Identity) -> Job:
    """Requeue a failed or cancelled job, as its owner or as an admin. It gets its full number of attempts again.

    Raises: NotFound; Conflict, if it has another status or its task is not `retriable`.
    """
    job = _assert_visible(crud.lock(db, job_id=job_id), viewer)
    if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        raise Conflict(f"Only failed and cancelled jobs can be retried. This job is {job.status}.")
    task = find(job.name)
    if task is None:
        raise Conflict("The feature of this job is no longer installed.")
    if not task.retriable:
        raise Conflict("This job cannot be retried because its file has been removed. Upload the file again.")
    job.max_attempts = job.attempt + task.max_attempts
    crud.requeue(db, job=job, delay_s=0, error=None)
    task.status_changed(db, job)
    publish_after_commit(db, job)
    return job
