"""Queries on `videos`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Row, String, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from cms.videos.models import Video
from conf._celery.models import Job, JobStatus
from conf.db import rows
from conf.db.reads import Read
from conf.errors import NotFound

SPEED_SAMPLE = 20
"""Number of videos by which the speed is measured."""
_videos = Video.__table__
_brief = [column for column in _videos.c if column.name not in ("renditions", "tags")]
_ONE = Read(select(*_brief).where(_videos.c.id == bindparam("video_id")))
_WHOLE = Read(select(*_videos.c).where(_videos.c.id == bindparam("video_id")))
_page = select(*_brief).order_by(_videos.c.id).offset(bindparam("skip")).limit(bindparam("limit"))
_PAGE = Read(_page)
_PUBLIC = Read(_page.where(_videos.c.is_active))
_PUBLIC_OR_OWN = Read(_page.where(_videos.c.is_active | (_videos.c.owner_id == bindparam("owner_id"))))
_NEWEST = Read(
    select(*_videos.c).order_by(_videos.c.id.desc()).limit(bindparam("limit")),
    before_id=_videos.c.id < bindparam("before_id"),
    tag=_videos.c.tags.contains(cast(array([bindparam("tag")]), ARRAY(String(40)))),
    public=_videos.c.is_active,
    public_or_own=_videos.c.is_active | (_videos.c.owner_id == bindparam("owner_id")),
)


def get(db: Session, *, video_id: int, whole: bool = False) -> Row[Any]:
    """Return the video, with `renditions` and `tags` only if `whole` is true. Raises: NotFound."""
    row: Row[Any] | None = (_WHOLE if whole else _ONE).first(db, video_id=video_id)
    if row is None:
        raise NotFound("video", video_id)
    return row


def page(db: Session, *, skip: int, limit: int) -> Sequence[Row[Any]]:
    """Return a page of all videos, oldest first, without `renditions` and `tags`."""
    return _PAGE.all(db, skip=skip, limit=limit)


def page_of_public(db: Session, *, skip: int, limit: int, owner_id: int | None) -> Sequence[Row[Any]]:
    """Return a page of the public videos and those of one owner, oldest first, without `renditions` and `tags`."""
    if owner_id is None:
        return _PUBLIC.all(db, skip=skip, limit=limit)
    return _PUBLIC_OR_OWN.all(db, skip=skip, limit=limit, owner_id=owner_id)


def newest(
    db: Session, *, before_id: int | None, limit: int, owner_id: int | None, include_all: bool, tag: str | None
) -> Sequence[Row[Any]]:
    """Return public videos and those of one owner, or all videos if `include_all`. Newest first, with all columns."""
    return _NEWEST.all(
        db,
        limit=limit,
        before_id=before_id,
        tag=tag,
        owner_id=owner_id,
        public=owner_id is None and not include_all,
        public_or_own=owner_id is not None and not include_all,
    )


def processing_speed(db: Session) -> float | None:
    """Return the speed at which the last videos were processed, in pixels per second; None, if there are none."""
    seconds = func.extract("epoch", Job.finished_at - Job.started_at)
    latest = (
        select(Video.workload, seconds.label("seconds"))
        .join(Job, Job.id == Video.job_id)
        .where(Job.status == JobStatus.SUCCEEDED, Video.workload.is_not(None))
        .order_by(Job.id.desc())
        .limit(SPEED_SAMPLE)
        .subquery()
    )
    speed = db.scalar(select(func.sum(latest.c.workload) / func.nullif(func.sum(latest.c.seconds), 0)))
    return float(speed) if speed is not None else None


def lock(db: Session, *, video_id: int) -> Video:
    """Return the video, locked until the transaction ends. Raises: NotFound."""
    return rows.lock(db, Video, video_id)


def create(db: Session, *, owner_id: int, **values: Any) -> Video:
    """Insert a video."""
    return rows.save(db, Video(owner_id=owner_id, **values))
