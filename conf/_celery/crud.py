"""Queries on `jobs`. Every change of state is one compare-and-set, so it happens once however often it is asked for."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, cast, func, or_, select, update
from sqlalchemy.orm import Session

from conf._celery.models import ENDED, Job, JobStatus
from conf.db import rows

_NOW = func.now()
MAX_SILENCE_S = 3600


def _in(seconds: float) -> Any:
    return _NOW + dt.timedelta(seconds=seconds)


def get(db: Session, *, job_id: int) -> Job:
    """Return the job. Raises: NotFound."""
    return rows.get(db, Job, job_id)


def lock(db: Session, *, job_id: int) -> Job:
    """Return the job, locked until the transaction ends. Raises: NotFound."""
    return rows.lock(db, Job, job_id)


def page(
    db: Session,
    *,
    before_id: int | None,
    limit: int,
    owner_id: int | None = None,
    status: JobStatus | None = None,
    name: str | None = None,
) -> Sequence[Job]:
    """The newest jobs first, those older than `before_id`; of one owner, or all."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if owner_id is not None:
        query = query.where(Job.owner_id == owner_id)
    if before_id is not None:
        query = query.where(Job.id < before_id)
    if status is not None:
        query = query.where(Job.status == status)
    if name is not None:
        query = query.where(Job.name == name)
    return db.scalars(query).all()


def create(
    db: Session,
    *,
    name: str,
    args: dict[str, Any],
    queue: str,
    max_attempts: int,
    owner_id: int | None = None,
    delay_s: float = 0,
) -> Job:
    job = Job(
        name=name,
        owner_id=owner_id,
        args=args,
        queue=queue,
        max_attempts=max_attempts,
        run_after=_in(delay_s),
        published_at=None if delay_s else _NOW,
        publish_count=0 if delay_s else 1,
    )
    db.add(job)
    db.flush()
    return job


def create_all(db: Session, *, name: str, calls: list[dict[str, Any]], queue: str, max_attempts: int) -> list[Job]:
    """Jobs of one name, due now, in one round trip or few."""
    jobs = [
        Job(
            name=name,
            args=args,
            queue=queue,
            max_attempts=max_attempts,
            run_after=_NOW,
            published_at=_NOW,
            publish_count=1,
        )
        for args in calls
    ]
    db.add_all(jobs)
    db.flush()
    return jobs


def claim(db: Session, *, job_id: int, worker: str, lease_s: float) -> Job | None:
    """Take the job for one attempt: when it is due, or runs under a lease that has ended. None when it is not free."""
    free = or_(
        (Job.status == JobStatus.QUEUED) & (Job.run_after <= _NOW),
        (Job.status == JobStatus.RUNNING) & (Job.lease_until < _NOW) & (Job.attempt < Job.max_attempts),
    )
    return db.scalars(
        update(Job)
        .where(Job.id == job_id, free, Job.cancel_requested.is_(False))
        .values(
            status=JobStatus.RUNNING,
            attempt=Job.attempt + 1,
            lease_until=_in(lease_s),
            worker=worker,
            progress=0,
            started_at=_NOW,
            version=Job.version + 1,
        )
        .returning(Job)
    ).one_or_none()


def _mine(job_id: int, attempt: int) -> Any:
    return (Job.id == job_id) & (Job.attempt == attempt) & (Job.status == JobStatus.RUNNING)


def extend_lease(db: Session, *, job_id: int, attempt: int, lease_s: float, progress: int) -> bool | None:
    """Extend the lease and note the progress (percent). Whether a cancel was asked for; None when the job is lost."""
    return db.scalars(
        update(Job)
        .where(_mine(job_id, attempt))
        .values(
            lease_until=_in(lease_s),
            progress=progress,
            version=Job.version + cast(Job.progress != progress, Integer),
        )
        .returning(Job.cancel_requested)
    ).one_or_none()


def succeed(db: Session, *, job_id: int, attempt: int) -> bool:
    """End the job well. False when this attempt no longer owns it or a cancel came first."""
    return (
        db.scalars(
            update(Job)
            .where(_mine(job_id, attempt), Job.cancel_requested.is_(False))
            .values(
                status=JobStatus.SUCCEEDED,
                progress=100,
                error=None,
                lease_until=None,
                finished_at=func.clock_timestamp(),  # the transaction is as old as the work
                version=Job.version + 1,
            )
            .returning(Job.id)
        ).one_or_none()
        is not None
    )


def end(db: Session, *, job: Job, status: JobStatus, error: str | None) -> None:
    """End a locked job without success."""
    job.status = status
    job.error = error
    job.lease_until = None
    job.finished_at = _NOW
    job.version += 1
    db.flush()


def requeue(db: Session, *, job: Job, delay_s: float, error: str | None) -> None:
    """Put a locked job back in line, to run in `delay_s` seconds."""
    job.status = JobStatus.QUEUED
    job.progress = 0
    job.error = error
    job.lease_until = None
    job.finished_at = None
    job.cancel_requested = False
    job.run_after = _in(delay_s)
    job.published_at = None if delay_s else _NOW
    job.publish_count = 0 if delay_s else 1
    job.version += 1
    db.flush()


def record_publication(db: Session, *, job: Job) -> None:
    """Note that the id of the locked job is being published."""
    job.published_at = _NOW
    job.publish_count += 1
    db.flush()


def drop(db: Session, *, job_id: int) -> bool:
    """Remove a job that nobody has begun. False when it is too late."""
    job = db.scalars(
        select(Job).where(Job.id == job_id, Job.status == JobStatus.QUEUED).with_for_update()
    ).one_or_none()
    if job is not None:
        db.delete(job)
        db.flush()
    return job is not None


def expired(db: Session, *, limit: int) -> Sequence[int]:
    """Running jobs whose lease has ended."""
    query = select(Job.id).where(Job.status == JobStatus.RUNNING, Job.lease_until < _NOW)
    return db.scalars(query.order_by(Job.lease_until).limit(limit)).all()


def is_expired(db: Session, *, job: Job) -> bool:
    """Whether the locked job still runs under a lease that has ended."""
    return job.status == JobStatus.RUNNING and bool(db.scalar(select(Job.lease_until < _NOW).where(Job.id == job.id)))


def due(db: Session, *, silent_s: float, limit: int) -> Sequence[int]:
    """Return ids of due jobs that were never published, or whose last publication is older than a backoff that doubles
    from `silent_s` up to an hour; never published ones first."""
    silent = func.least(silent_s * func.power(2, Job.publish_count - 1), MAX_SILENCE_S)
    query = select(Job.id).where(
        Job.status == JobStatus.QUEUED,
        Job.run_after <= _NOW,
        or_(Job.published_at.is_(None), Job.published_at + func.make_interval(0, 0, 0, 0, 0, 0, silent) < _NOW),
    )
    return db.scalars(query.order_by(Job.published_at.asc().nulls_first(), Job.id).limit(limit)).all()


def count(db: Session) -> dict[tuple[str, JobStatus], int]:
    """How many jobs of each queue and status have not ended."""
    query = select(Job.queue, Job.status, func.count()).where(Job.status.not_in(ENDED)).group_by(Job.queue, Job.status)
    return {(row[0], row[1]): row[2] for row in db.execute(query)}


def prune(db: Session, *, older_than_days: int, limit: int) -> None:
    """Forget jobs that ended long ago."""
    old = (
        select(Job.id)
        .where(Job.finished_at < _NOW - dt.timedelta(days=older_than_days))
        .order_by(Job.finished_at)
        .limit(limit)
    )
    for job in db.scalars(select(Job).where(Job.id.in_(old)).with_for_update(skip_locked=True)):
        db.delete(job)
    db.flush()
