"""Use cases on videos.

Files and jobs follow the row: when a video is deleted or gets a new file, its old files are removed and its old job is
cancelled.
"""

import dataclasses
import hmac
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from cms.videos import crud, workload
from cms.videos.models import Status, Video, Visibility
from cms.videos.transcode import transcode
from conf._celery.models import Job, JobStatus
from conf._celery.task import Attempt
from conf.db import rows
from conf.db.session import release_connection
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
    """Return the video, with `renditions` and `tags` only if `whole` is true.

    Raises: NotFound, also if the viewer may not see it: it is not public, `share_key` is not the key of an unlisted
    video, and the viewer is neither the owner nor an admin.
    """
    video = crud.get(db, video_id=video_id, whole=whole)
    if not video.is_active and not is_owner_or_admin(video, viewer) and not _is_shared(video, share_key):
        raise NotFound("video", video_id)
    return video


def _is_shared(video: Row[Any], share_key: str | None) -> bool:
    return bool(video.share_key and share_key and hmac.compare_digest(video.share_key.encode(), share_key.encode()))


def visibility_of(video: Row[Any] | Video) -> Visibility:
    """Return the visibility that the columns `is_active` and `share_key` represent."""
    if video.is_active:
        return Visibility.PUBLIC
    return Visibility.UNLISTED if video.share_key else Visibility.PRIVATE


def create(db: Session, *, owner_id: int, visibility: Visibility, **values: Any) -> Video:
    """Create a video without a file."""
    return crud.create(db, owner_id=owner_id, **_visibility_columns(visibility, None), **values)


def _visibility_columns(visibility: Visibility, share_key: str | None) -> dict[str, Any]:
    """Return the columns for a visibility, given the present share key.

    A video that stays unlisted keeps its key. A video that becomes unlisted gets a new one.
    """
    unlisted = visibility is Visibility.UNLISTED
    return {
        "is_active": visibility is Visibility.PUBLIC,
        "share_key": (share_key or secrets.token_urlsafe(16)) if unlisted else None,
    }


def is_owner_or_admin(video: Row[Any] | Video, viewer: Identity | None) -> bool:
    """Return whether the viewer is the owner or an admin."""
    return viewer is not None and (video.owner_id == viewer.user_id or viewer.may("cms:admin"))


def page(db: Session, *, skip: int, limit: int, viewer: Identity | None) -> Sequence[Row[Any]]:
    """Return the public videos and the viewer's own, or all videos for an admin.

    Oldest first, without `renditions` and `tags`.
    """
    if viewer is not None and viewer.may("cms:admin"):
        return crud.page(db, skip=skip, limit=limit)
    return crud.page_of_public(db, skip=skip, limit=limit, owner_id=viewer.user_id if viewer else None)


def newest(
    db: Session, *, before_id: int | None, limit: int, tag: str | None, viewer: Identity | None
) -> Sequence[Row[Any]]:
    """Return the public videos and the viewer's own, or all videos for an admin. Newest first, with all columns."""
    return crud.newest(
        db,
        before_id=before_id,
        limit=limit,
        tag=tag,
        owner_id=viewer.user_id if viewer else None,
        include_all=viewer is not None and viewer.may("cms:admin"),
    )


def update(db: Session, *, video_id: int, editor: Identity, expected: Expected, **changes: Any) -> Video:
    """Update the given columns; `visibility` is translated to its columns.

    Raises: NotFound; Forbidden; VersionMismatch.
    """
    video = crud.lock(db, video_id=video_id)
    _assert_may_change(video, editor)
    expected.check(video.updated_at)
    if (visibility := changes.pop("visibility", None)) is not None:
        changes |= _visibility_columns(visibility, video.share_key)
    return rows.save(db, video, **changes)


def _assert_owner_or_admin(video: Row[Any] | Video, editor: Identity) -> None:
    """Raises: Forbidden; NotFound, if the editor may not even see the video."""
    if not is_owner_or_admin(video, editor):
        if not video.is_active:
            raise NotFound("video", video.id)
        raise Forbidden("Only the owner or an admin can change this video.")


def _assert_may_change(video: Row[Any] | Video, editor: Identity) -> None:
    """Raises: as `_assert_owner_or_admin`; Forbidden, also if the editor may no longer create videos."""
    _assert_owner_or_admin(video, editor)
    if not editor.may("cms:write"):
        raise Forbidden("You need the permission cms:write, which your role does not have.")


def assert_may_change(db: Session, *, video_id: int, editor: Identity) -> None:
    """Check that the editor may change the video. Raises: NotFound; Forbidden."""
    _assert_may_change(crud.get(db, video_id=video_id), editor)


def replace_file(db: Session, *, video_id: int, editor: Identity, file: IncomingFile) -> Video:
    """Replace the video's file, estimate how long its processing will take, and enqueue it.

    Raises: NotFound; Forbidden; Conflict, if another upload replaces the file at the same time; Invalid, if processing
    would take too long; StorageFull.
    """
    release_connection(db)
    work = workload.measure(file.path)
    video = FILES.replace(
        db,
        row_id=video_id,
        file=file,
        owner_id=editor.user_id,
        check=lambda video: _assert_may_change(video, editor),
    )
    cleared: dict[str, Any] = dict.fromkeys(("error", "duration_s", "width", "height"))
    estimate_s = workload.estimate_s(db, work=work) if work is not None else None
    return rows.save(
        db, video, status=Status.NOT_PROCESSED, renditions=[], workload=work, estimate_s=estimate_s, **cleared
    )


def delete(db: Session, *, video_id: int, editor: Identity, expected: Expected) -> None:
    """Delete the video and its files, and cancel its job.

    Raises: NotFound; Forbidden; VersionMismatch; Conflict, if a new file is uploaded at the same time.
    """
    video = FILES.lock(db, video_id)
    _assert_owner_or_admin(video, editor)
    expected.check(video.updated_at)
    remove_later(db, prefix=FILES.folder_of(video_id))
    rows.delete(db, video)


def process(db: Session, *, video_id: int, attempt: Attempt) -> None:
    """Transcode the video's file. Raises: Invalid, with a reason for the user, if the file cannot be played."""
    with FILES.work(db, row_id=video_id, attempt=attempt) as work:
        result = transcode(work.source, work.output, progress=attempt.progress)
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
    """Update the status of the video from the status of its job."""
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
            video.status, video.error = Status.FAILED, "Processing was cancelled. Retry it or upload the file again."
        case _:
            video.status, video.error = Status.NOT_PROCESSED, None
    db.flush()
