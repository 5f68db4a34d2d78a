"""Use cases on videos. Files and jobs follow the row: what the row no longer names is removed, and its work cancelled.

Rows are locked in one order everywhere, the job before its video.
"""

import dataclasses
import hmac
import posixpath
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from cms.videos import containers, crud
from cms.videos.models import Status, Video, Visibility
from cms.videos.transcode import transcode
from conf._celery import crud as jobs_crud
from conf._celery.enqueue import enqueue
from conf._celery.models import ENDED, Job, JobStatus
from conf._celery.task import Attempt
from conf.db.dependencies import patiently, with_db_session
from conf.db.session import release
from conf.errors import Conflict, Forbidden, NotFound
from conf.storage.store import NewFiles, new_files, remove_later, storage
from conf.storage.work import need_disk, work_folder
from conf.values import Expected
from iam.roles import Identity
from jobs import helpers as jobs_helpers

PROCESS = "cms.videos.process"


def folder_of(video_id: int) -> str:
    return f"videos/{video_id}/"


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
    return crud.update(db, video=video, **changes)


def _assert_theirs(video: Row[Any] | Video, editor: Identity) -> None:
    """Forbidden, or NotFound where the editor may not even see it."""
    if not is_theirs(video, editor):
        if not video.is_active:
            raise NotFound("video", video.id)
        raise Forbidden("Only its owner or an admin changes a video.")


@with_db_session
def assert_may_change(*, video_id: int, editor: Identity, db: Session) -> None:
    """NotFound; Forbidden; before a large file is received for nothing."""
    _assert_theirs(crud.get(db, video_id=video_id), editor)


def replace_file(*, video_id: int, editor: Identity, path: Path) -> Video:
    """Make the file at `path`, which is moved away, the video's, and have it processed. What was there before goes.

    NotFound; Forbidden; Unsupported when it is not a video or sound; Conflict when another upload came in between.
    """
    extension = containers.sniff(path).extension
    with new_files(f"{folder_of(video_id)}{secrets.token_hex(6)}/") as files:
        key = files.put(f"source.{extension}", path)
        return _attach(video_id=video_id, editor=editor, key=key, files=files)


@with_db_session
def _attach(*, video_id: int, editor: Identity, key: str, files: NewFiles, db: Session) -> Video:
    video = _lock_and_stop(db, video_id=video_id, editor=editor)
    for old in (video.source_key, video.hls_key):
        if old:
            remove_later(db, prefix=posixpath.dirname(old) + "/")
    video.source_key = key
    video.hls_key = video.poster_key = video.error = None
    video.duration_s = video.width = video.height = None
    video.renditions = []
    video.status = Status.NOT_PROCESSED
    video.job_id = enqueue(db, PROCESS, owner_id=editor.user_id, video_id=video_id).id
    files.keep(db)
    db.flush()
    return video


def delete(db: Session, *, video_id: int, editor: Identity, expected: Expected) -> None:
    """Delete the video with its files, and cancel its work. NotFound; Forbidden; Changed."""
    video = _lock_and_stop(db, video_id=video_id, editor=editor)
    expected.check(video.updated_at)
    remove_later(db, prefix=folder_of(video_id))
    db.delete(video)
    db.flush()


def _lock_and_stop(db: Session, *, video_id: int, editor: Identity) -> Video:
    """The video, locked, its job cancelled if it has not ended. NotFound; Forbidden."""
    job_id = crud.get(db, video_id=video_id).job_id
    job = jobs_crud.lock(db, job_id=job_id) if job_id else None
    video = crud.lock(db, video_id=video_id)
    _assert_theirs(video, editor)
    if video.job_id != job_id:
        raise Conflict("Another file is being put in its place right now. Try again.")
    if job is not None and job.status not in ENDED:
        jobs_helpers.cancel(db, job_id=job.id)
    return video


@with_db_session
def _assert_exists(*, video_id: int, db: Session) -> None:
    crud.get(db, video_id=video_id)


def process(db: Session, *, video_id: int, attempt: Attempt) -> None:
    """Make the video playable. Invalid, with the reason for a person, when the file cannot be played."""
    video = crud.get(db, video_id=video_id)
    if video.job_id != attempt.id or video.source_key is None:
        raise Conflict("The file has been replaced.")
    release(db)
    need_disk(storage().size(video.source_key))
    with work_folder(f"job-{attempt.id}") as work:
        source, made = work / "source", work / "made"
        made.mkdir()
        storage().fetch(video.source_key, source)
        result = transcode(source, made, progress=attempt.progress)
        patiently(_assert_exists, video_id=video_id)
        with new_files(_attempt_folder(video_id, attempt.id, attempt.number)) as files:
            for path in sorted(made.iterdir()):
                files.put(path.name, path)
                attempt.check()
            attempt.hold(db)
            row = crud.lock(db, video_id=video_id)
            if row.job_id != attempt.id:
                raise Conflict("The file has been replaced.")
            folder = _attempt_folder(video_id, attempt.id, attempt.number)
            row.status, row.error = Status.PROCESSED, None
            row.hls_key = folder + result.master
            row.poster_key = folder + result.poster if result.poster else None
            row.duration_s, row.width, row.height = result.duration_s, result.width, result.height
            row.renditions = [dataclasses.asdict(rendition) for rendition in result.renditions]
            files.keep(db)


def follow(db: Session, *, job: Job) -> None:
    """Have the video say what its job says; remove what an attempt that failed may have stored."""
    video_id = job.args["video_id"]
    if job.status != JobStatus.RUNNING and job.attempt:
        remove_later(db, prefix=_attempt_folder(video_id, job.id, job.attempt))
    video = db.get(Video, video_id, with_for_update=True)
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


def _attempt_folder(video_id: int, job_id: int, attempt: int) -> str:
    return f"{folder_of(video_id)}{job_id}.{attempt}/"
