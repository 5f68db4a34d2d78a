"""Use cases on background work."""

from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.enqueue import publish_after_commit
from conf._celery.models import ENDED, Job, JobStatus
from conf._celery.task import find, stop
from conf.errors import Conflict, NotFound
from iam.roles import Identity


def get(db: Session, *, job_id: int, viewer: Identity) -> Job:
    """A job of the viewer's own, or anybody's for an admin. NotFound."""
    return _seen(crud.get(db, job_id=job_id), viewer)


def _seen(job: Job, viewer: Identity) -> Job:
    if job.owner_id != viewer.user_id and not viewer.may("jobs:admin"):
        raise NotFound("job", job.id)
    return job


def cancel_own(db: Session, *, job_id: int, viewer: Identity) -> Job:
    """`cancel`, for one's own job or an admin."""
    get(db, job_id=job_id, viewer=viewer)
    return cancel(db, job_id=job_id)


def cancel(db: Session, *, job_id: int) -> Job:
    """Stop the job: at once while it waits, within seconds while it runs. NotFound; Conflict when it has ended."""
    job = crud.lock(db, job_id=job_id)
    task = find(job.name)
    if task is not None and not task.stoppable:
        raise Conflict("This job is housekeeping of the server.")
    if job.status in ENDED:
        raise Conflict(f"The job has already ended: it is {job.status}.")
    stop(db, job)
    return job


def retry(db: Session, *, job_id: int, viewer: Identity) -> Job:
    """Run a failed or cancelled job of one's own (as an admin, any) again, with all its attempts. NotFound; Conflict in
    any other state."""
    job = _seen(crud.lock(db, job_id=job_id), viewer)
    if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        raise Conflict(f"Only a failed or cancelled job can be retried; this one is {job.status}.")
    task = find(job.name)
    if task is None:
        raise Conflict("What this job did is no longer installed.")
    if not task.retriable:
        raise Conflict("What it worked on is gone. Send it again.")
    job.max_attempts = job.attempt + task.max_attempts
    crud.requeue(db, job=job, delay_s=0, error=None)
    task.status_changed(db, job)
    publish_after_commit(db, job)
    return job
