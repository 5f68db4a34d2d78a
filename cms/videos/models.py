"""A video: what people see of it, the file as it came, and what was made of that file."""

import enum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, Timestamps, choice


class Status(enum.StrEnum):
    NOT_PROCESSED = "NOT_PROCESSED"
    PROCESSING = "PROCESSING"
    PROCESSED = "PROCESSED"
    FAILED = "FAILED"


class Video(Timestamps, Model):
    __tablename__ = "videos"
    __table_args__ = (CheckConstraint("duration_s >= 0", name="duration_not_negative"),)

    owner_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    is_active: Mapped[bool]
    status: Mapped[Status] = mapped_column(choice(Status, "status"), default=Status.NOT_PROCESSED)
    error: Mapped[str | None] = mapped_column(Text)
    """Why processing failed, for the person who uploaded."""
    job_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    """The job that processes, or processed, the present file."""

    source_key: Mapped[str | None] = mapped_column(String(255))
    """Storage key of the file as it was uploaded."""
    poster_key: Mapped[str | None] = mapped_column(String(255))
    hls_key: Mapped[str | None] = mapped_column(String(255))
    """Storage key of the HLS master playlist; its renditions lie beside it."""
    duration_s: Mapped[float | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    """Pixels as shown: after rotation, with square pixels. Null for sound alone."""
