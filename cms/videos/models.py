"""A video: what people see of it, the file as it came, and what was made of that file."""

import enum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, Timestamps, choice


class Status(enum.StrEnum):
    NOT_PROCESSED = "NOT_PROCESSED"
    PROCESSING = "PROCESSING"
    PROCESSED = "PROCESSED"
    FAILED = "FAILED"


class Visibility(enum.StrEnum):
    PUBLIC = "public"
    """Listed, for everyone."""
    UNLISTED = "unlisted"
    """For whoever has its `share_key`."""
    PRIVATE = "private"
    """For its owner."""


class Video(Timestamps, Model):
    __tablename__ = "videos"
    __table_args__ = (
        CheckConstraint("duration_s >= 0", name="duration_not_negative"),
        Index("ix_videos_public", "id", postgresql_where=text("is_active")),
        Index("ix_videos_tags", "tags", postgresql_using="gin"),
    )

    owner_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(40)), server_default="{}")
    """The owner's words for it."""
    is_active: Mapped[bool]
    """Public."""
    share_key: Mapped[str | None] = mapped_column(String(32))
    """Of an unlisted video: whoever has it may watch."""
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
    renditions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    """`name`, `width`, `height`, `kbps` of each, the largest first."""
