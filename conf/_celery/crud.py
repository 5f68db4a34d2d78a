"""Queries on `jobs`. A change of state checks the present state, in the UPDATE itself or under a lock of the row, so
that it happens only once even if several processes attempt it."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, Row, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from conf._celery.models import ENDED, Job, JobStatus, Sweep
from conf.db import rows
from conf.db.reads import Read

_NOW = func.now()
MAX_BACKOFF_S = 3600
"""Longest time in seconds after which a due job is published again."""


def _in(seconds: float) -> Any:
    return _NOW + dt.timedelta(seconds=seconds)


_jobs = Job.__table__.c
_ONE = Read(select(*_jobs).where(_jobs.id == bindparam("job_id")))
_PAGE = Read(
    select(*[one for one in _jobs if one.name != "args"]).order_by(_jobs.id.desc()).limit(bindparam("limit")),
    before_id=_jobs.id < bindparam("before_id"),
    owner_id=_jobs.owner_id == bindparam("owner_id"),
    status=_jobs.status == bindparam("status"),
    name=_jobs.name == bindparam("name"),
)


def get(db: Session, *, job_id: int) -> Row[Any]:
    """Return the job. Raises: NotFound."""
    row: Row[Any] = _ONE.get(db, "job", job_id, job_id=job_id)
    return row


def lock(db: Session, *, job_id: int) -> Job:
    """Return the job, locked until the transaction ends. Raises: NotFound."""
    return rows.lock(db, Job, job_id)


def page(db: Session, *, limit: int, **conditions: Any) -> Sequence[Row[Any]]:
    """Return jobs without `args`, newest first.

    `conditions`: `before_id`, only those with a smaller id; `owner_id`, `status`, `name`. None: any.
    """
    return _PAGE.all(db, limit=limit, **conditions)


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
    """Create a job that is due in `delay_s` seconds. Without a delay, the caller must publish it after commit."""
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
    """Create a job for each dictionary of arguments, with a bulk INSERT. The caller must publish them after commit."""
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
    """Claim the job for one attempt and return it; return None if it cannot be claimed.

    A job can be claimed if it is due, or if its lease has expired and it has attempts left.
    """
    claimable = or_(
        (Job.status == JobStatus.QUEUED) & (Job.run_after <= _NOW),
        (Job.status == JobStatus.RUNNING) & (Job.lease_until < _NOW) & (Job.attempt < Job.max_attempts),
    )
    return db.scalars(
        update(Job)
        .where(Job.id == job_id, claimable, Job.cancel_requested.is_(False))
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


def next_in_turn(db: Session, *, name: str) -> int | None:
    """Return the id of the due job of this task whose owner has the fewest running ones, and among those with the
    fewest seconds of work in the last day. So owners take turns. None, if no job is due."""
    recent = or_(Job.status == JobStatus.RUNNING, Job.finished_at > _NOW - dt.timedelta(days=1))
    seconds = func.extract("epoch", func.coalesce(Job.finished_at, _NOW) - Job.started_at)
    used = (
        select(
            Job.owner_id,
            func.count().filter(Job.status == JobStatus.RUNNING).label("running"),
            func.sum(seconds).label("seconds"),
        )
        .where(Job.name == name, recent)
        .group_by(Job.owner_id)
        .subquery()
    )
    query = (
        select(Job.id)
        .outerjoin(used, used.c.owner_id.is_not_distinct_from(Job.owner_id))
        .where(Job.name == name, Job.status == JobStatus.QUEUED, Job.run_after <= _NOW)
        .order_by(func.coalesce(used.c.running, 0), func.coalesce(used.c.seconds, 0), Job.id)
        .limit(1)
    )
    return db.scalar(query)


def _owned(job_id: int, attempt: int) -> Any:
    """Match the job only while this attempt owns it."""
    return (Job.id == job_id) & (Job.attempt == attempt) & (Job.status == JobStatus.RUNNING)


def extend_lease(db: Session, *, job_id: int, attempt: int, lease_s: float, progress: int) -> bool | None:
    """Extend the lease, and store the progress in percent.

    Returns whether cancellation was requested, or None if this attempt no longer owns the job.
    """
    return db.scalars(
        update(Job)
        .where(_owned(job_id, attempt))
        .values(
            lease_until=_in(lease_s),
            progress=progress,
            version=Job.version + cast(Job.progress != progress, Integer),
        )
        .returning(Job.cancel_requested)
    ).one_or_none()


def succeed(db: Session, *, job_id: int, attempt: int) -> bool:
    """Mark the job as succeeded. Returns False if this attempt no longer owns it or cancellation was requested."""
    return (
        db.scalars(
            update(Job)
            .where(_owned(job_id, attempt), Job.cancel_requested.is_(False))
            .values(
                status=JobStatus.SUCCEEDED,
                progress=100,
                error=None,
                lease_until=None,
                finished_at=func.clock_timestamp(),  # now() would be the start of the transaction, and so of the work
                version=Job.version + 1,
            )
            .returning(Job.id)
        ).one_or_none()
        is not None
    )


def end(db: Session, *, job: Job, status: JobStatus, error: str | None) -> None:
    """End a locked job as failed or cancelled."""
    job.status = status
    job.error = error
    job.lease_until = None
    job.finished_at = _NOW
    job.version += 1
    db.flush()


def requeue(db: Session, *, job: Job, delay_s: float, error: str | None) -> None:
    """Requeue a locked job, to run in `delay_s` seconds."""
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


def drop(db: Session, *, job_id: int) -> bool:
    """Delete a queued job. Returns False if it is no longer queued."""
    job = db.scalars(
        select(Job).where(Job.id == job_id, Job.status == JobStatus.QUEUED).with_for_update()
    ).one_or_none()
    if job is not None:
        db.delete(job)
        db.flush()
    return job is not None


def expired(db: Session, *, limit: int) -> Sequence[int]:
    """Return ids of running jobs whose lease has expired, longest expired first."""
    query = select(Job.id).where(Job.status == JobStatus.RUNNING, Job.lease_until < _NOW)
    return db.scalars(query.order_by(Job.lease_until).limit(limit)).all()


def is_expired(db: Session, *, job: Job) -> bool:
    """Whether the locked job is running and its lease has expired."""
    return job.status == JobStatus.RUNNING and bool(db.scalar(select(Job.lease_until < _NOW).where(Job.id == job.id)))


def workers_at(db: Session, *, machine: str) -> Sequence[str]:
    """Return the worker processes of this machine that run a job."""
    there = Job.worker.contains(f"/{machine}/", autoescape=True)
    query = select(Job.worker).where(Job.status == JobStatus.RUNNING, there)
    return [worker for worker in db.scalars(query) if worker is not None]


def running_of(db: Session, *, worker: str) -> Sequence[int]:
    """Return the ids of the jobs that this worker process runs: one, or none."""
    return db.scalars(select(Job.id).where(Job.status == JobStatus.RUNNING, Job.worker == worker)).all()


def publish_due(db: Session, *, silent_s: float, limit: int) -> Sequence[Job]:
    """Return due jobs that were never published, or whose last publication is older than a backoff, locked. Record that
    they are being published.

    The backoff doubles with each publication, from `silent_s` up to an hour. Jobs never published come first. Jobs that
    another transaction has locked are left out.
    """
    backoff = func.least(silent_s * func.power(2, Job.publish_count - 1), MAX_BACKOFF_S)
    due = select(Job.id).where(
        Job.status == JobStatus.QUEUED,
        Job.run_after <= _NOW,
        or_(Job.published_at.is_(None), Job.published_at + func.make_interval(0, 0, 0, 0, 0, 0, backoff) < _NOW),
    )
    due = due.order_by(Job.published_at.asc().nulls_first(), Job.id).limit(limit).with_for_update(skip_locked=True)
    publish = (
        update(Job)
        .where(Job.id.in_(due))
        .values(published_at=_NOW, publish_count=Job.publish_count + 1)
        .returning(Job)
        .execution_options(synchronize_session=False)
    )
    return sorted(db.scalars(publish).all(), key=lambda job: job.id)


def begin_sweep(db: Session, *, every_s: float) -> bool:
    """Record that a sweep begins. Return False if another one began less than half of `every_s` seconds ago.

    The time is the database's, so the clocks of the machines do not matter.
    """
    beginning = insert(Sweep).values(name="jobs")
    beginning = beginning.on_conflict_do_update(
        index_elements=["name"],
        set_={"began_at": _NOW},
        where=Sweep.began_at < _NOW - dt.timedelta(seconds=every_s / 2),
    )
    return db.scalar(beginning.returning(Sweep.id)) is not None


def sweep_age_s(db: Session) -> float | None:
    """Return the seconds since the last sweep began; None, if there was none."""
    age = db.scalar(select(func.extract("epoch", _NOW - Sweep.began_at)))
    return float(age) if age is not None else None


def due_by_queue(db: Session) -> dict[str, tuple[int, float]]:
    """Return the number of due jobs of each queue, and for how many seconds the oldest of them has been due."""
    waits = func.extract("epoch", _NOW - func.min(Job.run_after))
    query = select(Job.queue, func.count(), waits).where(Job.status == JobStatus.QUEUED, Job.run_after <= _NOW)
    return {row[0]: (row[1], float(row[2])) for row in db.execute(query.group_by(Job.queue))}


def count(db: Session) -> dict[tuple[str, JobStatus], int]:
    """Return the number of jobs that have not ended, by queue and status."""
    query = select(Job.queue, Job.status, func.count()).where(Job.status.not_in(ENDED)).group_by(Job.queue, Job.status)
    return {(row[0], row[1]): row[2] for row in db.execute(query)}


def prune(db: Session, *, older_than_days: int, limit: int) -> None:
    """Delete up to `limit` jobs that ended more than `older_than_days` days ago."""
    old = (
        select(Job.id)
        .where(Job.finished_at < _NOW - dt.timedelta(days=older_than_days))
        .order_by(Job.finished_at)
        .limit(limit)
    )
    for job in db.scalars(select(Job).where(Job.id.in_(old)).with_for_update(skip_locked=True)):
        db.delete(job)
    db.flush()
