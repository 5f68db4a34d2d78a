"""The table of videos: title and description, the uploaded file, and the results of its processing."""

import enum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, Timestamps, choice


class Status(enum.StrEnum):
    """State of the processing of a video's current file.

    `NOT_PROCESSED`: there is no file, or its job is queued. `PROCESSING`: the job is running. `PROCESSED`: the video
    can be played. `FAILED`: processing failed or was cancelled; `error` gives the reason.
    """

    NOT_PROCESSED = "NOT_PROCESSED"
    PROCESSING = "PROCESSING"
    PROCESSED = "PROCESSED"
    FAILED = "FAILED"


class Visibility(enum.StrEnum):
    """Who can see a video.

    `public`: everyone. `unlisted`: whoever has its `share_key`; lists do not show it. `private`: only the owner and
    admins. The owner and admins always see the video, also in lists.
    """

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"


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
    """Keywords chosen by the owner, in lower case."""
    is_active: Mapped[bool]
    """Whether the visibility is `public`."""
    share_key: Mapped[str | None] = mapped_column(String(32))
    """Key of an unlisted video, which lets its holder watch the video. Null for public and private videos."""
    status: Mapped[Status] = mapped_column(choice(Status, "status"), default=Status.NOT_PROCESSED)
    error: Mapped[str | None] = mapped_column(Text)
    """Reason why processing failed, shown to the user."""
    job_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    """The job that processes, or has processed, the current file."""

    source_key: Mapped[str | None] = mapped_column(String(255))
    """Storage key of the original file."""
    poster_key: Mapped[str | None] = mapped_column(String(255))
    hls_key: Mapped[str | None] = mapped_column(String(255))
    """Storage key of the HLS master playlist. The renditions are in the same folder."""
    duration_s: Mapped[float | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    """`width` and `height` are the display size in pixels: after rotation, with square pixels. Null for audio files."""
    workload: Mapped[int | None] = mapped_column(BigInteger)
    """The work of processing the current file, in pixels: see `cms.videos.workload`. Null if it could not be told at
    the upload."""
    estimate_s: Mapped[int | None]
    """The estimate of the seconds of processing, made at the upload; null without a workload."""
    renditions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    """`name`, `width`, `height` and `kbps` of each rendition, largest first."""
