"""The table of background jobs."""

import datetime as dt
import enum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, choice


class JobStatus(enum.StrEnum):
    """State of a job. After a failed attempt, a job is `queued` again if it will be retried, and `failed` otherwise."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class Sweep(Model):
    """When the sweep last began: one row."""

    __tablename__ = "sweeps"

    name: Mapped[str] = mapped_column(String(20), unique=True)
    began_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Job(Model):
    """A background job. While it runs, it is owned by the worker that claimed the present `attempt`."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress_is_percent"),
        CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="a_lease_while_it_runs"),
        Index("ix_jobs_due", "queue", "run_after", postgresql_where=text("status = 'queued'")),
        Index("ix_jobs_leases", "lease_until", postgresql_where=text("status = 'running'")),
        Index("ix_jobs_owner_id", "owner_id", "id"),
        Index("ix_jobs_status", "status", "id"),
        Index("ix_jobs_name", "name", "id"),
        Index("ix_jobs_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    )

    name: Mapped[str] = mapped_column(String(100))
    """Name of the Celery task, such as `cms.videos.process`."""
    args: Mapped[dict[str, Any]] = mapped_column(JSONB)
    owner_id: Mapped[int | None] = mapped_column(BigInteger)
    """The user who may watch, cancel and retry the job; null for internal jobs. Not a foreign key, as `conf` must not
    depend on the table of users."""
    queue: Mapped[str] = mapped_column(String(20))
    status: Mapped[JobStatus] = mapped_column(
        choice(JobStatus, "status"),
        default=JobStatus.QUEUED,
    )
    attempt: Mapped[int] = mapped_column(SmallInteger, default=0)
    """Number of the present or last attempt; 0 before the first. It never decreases, so it serves as a fencing token:
    an earlier attempt can no longer change the job."""
    max_attempts: Mapped[int] = mapped_column(SmallInteger)
    """Number of the attempt after which a failure is final."""
    run_after: Mapped[dt.datetime]
    published_at: Mapped[dt.datetime | None]
    """When the job's id was last published; null if it was not published yet, as the job waits for `run_after`."""
    publish_count: Mapped[int] = mapped_column(SmallInteger, default=0)
    """How often the job's id was published since the job was last queued."""
    lease_until: Mapped[dt.datetime | None]
    worker: Mapped[str | None] = mapped_column(String(200))
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    progress: Mapped[int] = mapped_column(SmallInteger, default=0)
    error: Mapped[str | None] = mapped_column(Text)
    """Why the last attempt failed, for the user."""
    version: Mapped[int] = mapped_column(default=1)
    """Number that increases with every change visible to clients. It is the id of the server-sent events."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
