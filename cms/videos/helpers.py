"""Use cases on videos. Files and jobs follow the row: what the row no longer names is removed, and its job stopped."""

import dataclasses
import hmac
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from cms.videos import crud
from cms.videos.models import Status, Video, Visibility
from cms.videos.transcode import transcode
from conf._celery.models import Job, JobStatus
from conf._celery.task import Attempt
from conf.db import rows
from conf.errors import Forbidden, NotFound
from conf.storage.incoming import IncomingFile
from conf.storage.processing import Processing
from conf.storage.store import remove_later
from conf.values import Expected
from iam.roles import Identity

PROCESS = "cms.videos.process"
FILES = Processing(
    Video, "video", "videos", PROCESS, ("source_key", "hls_key", "poster_key"), source_column="source_key"
)


def get(
    db: Session, *, video_id: int, viewer: Identity | None, share_key: str | None = None, whole: bool = False
) -> Row[Any]:
    """A public video, an unlisted one whose key is given, or one of the viewer's own (as an admin, any). NotFound."""
    video = crud.get(db, video_id=video_id, whole=whole)
    if not video.is_active and not is_theirs(video, viewer) and not _is_shared(video, share_key):
        raise NotFound("video", video_id)
    return video


def _is_shared(video: Row[Any], share_key: str | None) -> bool:
    return bool(video.share_key and share_key and hmac.compare_digest(video.share_key.encode(), share_key.encode()))


def visibility_of(video: Row[Any] | Video) -> Visibility:
    if video.is_active:
        return Visibility.PUBLIC
    return Visibility.UNLISTED if video.share_key else Visibility.PRIVATE


def create(db: Session, *, owner_id: int, visibility: Visibility, **values: Any) -> Video:
    """A video without a file yet."""
    return crud.create(db, owner_id=owner_id, **_seen_by(visibility, None), **values)


def _seen_by(visibility: Visibility, share_key: str | None) -> dict[str, Any]:
    """The columns that say so. A video that stays unlisted keeps its key; one that becomes it gets a new one."""
    unlisted = visibility is Visibility.UNLISTED
    return {
        "is_active": visibility is Visibility.PUBLIC,
        "share_key": (share_key or secrets.token_urlsafe(16)) if unlisted else None,
    }


def is_theirs(video: Row[Any] | Video, viewer: Identity | None) -> bool:
    """Whether it is the viewer's to change."""
    return viewer is not None and (video.owner_id == viewer.user_id or viewer.may("cms:admin"))


def page(db: Session, *, skip: int, limit: int, viewer: Identity | None) -> Sequence[Row[Any]]:
    """Those that the viewer may see, in the order they were made."""
    if viewer is not None and viewer.may("cms:admin"):
        return crud.page(db, skip=skip, limit=limit)
    return crud.page_of_public(db, skip=skip, limit=limit, owner_id=viewer.user_id if viewer else None)


def newest(
    db: Session, *, before_id: int | None, limit: int, tag: str | None, viewer: Identity | None
) -> Sequence[Row[Any]]:
    """Those that the viewer may see in a list, the newest first."""
    return crud.newest(
        db,
        before_id=before_id,
        limit=limit,
        tag=tag,
        owner_id=viewer.user_id if viewer else None,
        everyones=viewer is not None and viewer.may("cms:admin"),
    )


def update(db: Session, *, video_id: int, editor: Identity, expected: Expected, **changes: Any) -> Video:
    """Set the named columns; `visibility` sets those that it stands for. NotFound; Forbidden; Changed."""
    video = crud.lock(db, video_id=video_id)
    _assert_theirs(video, editor)
    expected.check(video.updated_at)
    if (visibility := changes.pop("visibility", None)) is not None:
        changes |= _seen_by(visibility, video.share_key)
    return rows.save(db, video, **changes)


def _assert_theirs(video: Row[Any] | Video, editor: Identity) -> None:
    """Forbidden, or NotFound where the editor may not even see it."""
    if not is_theirs(video, editor):
        if not video.is_active:
            raise NotFound("video", video.id)
        raise Forbidden("Only its owner or an admin changes a video.")


def assert_may_change(db: Session, *, video_id: int, editor: Identity) -> None:
    """Raises: NotFound; Forbidden."""
    _assert_theirs(crud.get(db, video_id=video_id), editor)


def replace_file(db: Session, *, video_id: int, editor: Identity, file: IncomingFile) -> Video:
    """Put the file in place of the video's, and enqueue its processing. Raises: NotFound; Forbidden; Conflict when
    another file comes at the same time."""
    video = FILES.replace(
        db,
        row_id=video_id,
        file=file,
        owner_id=editor.user_id,
        check=lambda video: _assert_theirs(video, editor),
    )
    unknown: dict[str, Any] = dict.fromkeys(("error", "duration_s", "width", "height"))
    return rows.save(db, video, status=Status.NOT_PROCESSED, renditions=[], **unknown)


def delete(db: Session, *, video_id: int, editor: Identity, expected: Expected) -> None:
    """Delete the video with its files, and cancel its job. Raises: NotFound; Forbidden; Changed."""
    video = FILES.lock(db, video_id)
    _assert_theirs(video, editor)
    expected.check(video.updated_at)
    remove_later(db, prefix=FILES.folder_of(video_id))
    rows.delete(db, video)


def process(db: Session, *, video_id: int, attempt: Attempt) -> None:
    """Make the video playable. Raises: Invalid, with the reason for a person, when the file cannot be played."""
    with FILES.work(db, row_id=video_id, attempt=attempt) as work:
        result = transcode(work.source, work.made, progress=attempt.progress)
        video = work.swap_in(db)
        rows.save(
            db,
            video,
            status=Status.PROCESSED,
            error=None,
            hls_key=work.keys[result.master],
            poster_key=work.keys[result.poster] if result.poster else None,
            duration_s=result.duration_s,
            width=result.width,
            height=result.height,
            renditions=[dataclasses.asdict(rendition) for rendition in result.renditions],
        )


def on_status_change(db: Session, *, job: Job) -> None:
    """Let the video say what its job says."""
    FILES.on_status_change(db, job)
    video = db.get(Video, job.args["video_id"], with_for_update=True)
    if video is None or video.job_id != job.id:
        return
    match job.status:
        case JobStatus.RUNNING:
            video.status, video.error = Status.PROCESSING, None
        case JobStatus.FAILED:
            video.status, video.error = Status.FAILED, job.error
        case JobStatus.CANCELLED:
            video.status, video.error = Status.FAILED, "The processing was cancelled."
        case _:
            video.status, video.error = Status.NOT_PROCESSED, None
    db.flush()
