"""The record of all background work."""

import datetime as dt
import enum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, choice


class JobStatus(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class Job(Model):
    """One piece of work. While it runs, whoever holds `attempt` and the lease owns it."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress_is_percent"),
        CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="a_lease_while_it_runs"),
        Index("ix_jobs_due", "queue", "run_after", postgresql_where=text("status = 'queued'")),
        Index("ix_jobs_leases", "lease_until", postgresql_where=text("status = 'running'")),
        Index("ix_jobs_owner_id", "owner_id", "id"),
        Index("ix_jobs_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    )

    name: Mapped[str] = mapped_column(String(100))
    """The Celery task: `cms.videos.process`."""
    args: Mapped[dict[str, Any]] = mapped_column(JSONB)
    owner_id: Mapped[int | None] = mapped_column(BigInteger)
    """The user whose work it is; null: the house's own. No foreign key: the ground knows no users."""
    queue: Mapped[str] = mapped_column(String(20))
    status: Mapped[JobStatus] = mapped_column(
        choice(JobStatus, "status"),
        default=JobStatus.QUEUED,
    )
    attempt: Mapped[int] = mapped_column(SmallInteger, default=0)
    """Counts up for ever; what an attempt writes is fenced by it."""
    max_attempts: Mapped[int] = mapped_column(SmallInteger)
    """The attempt after which a failure is final."""
    run_after: Mapped[dt.datetime]
    published_at: Mapped[dt.datetime | None]
    """When its id was last published; null: not yet, as it waits for `run_after`."""
    publish_count: Mapped[int] = mapped_column(SmallInteger, default=0)
    """How often its id was published since it was last queued."""
    lease_until: Mapped[dt.datetime | None]
    worker: Mapped[str | None] = mapped_column(String(200))
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    progress: Mapped[int] = mapped_column(SmallInteger, default=0)
    error: Mapped[str | None] = mapped_column(Text)
    """Why the last attempt failed, for a person."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts the changes a client can see; the id of its events."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
