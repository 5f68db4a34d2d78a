"""The video library in version 1. Version 2 adds tags, visibility and pages; `is_active` is its visibility
`public`."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy import Row

from cms.dependencies import EDITABLE, VideoFile
from cms.v1 import schemas
from cms.videos import helpers
from cms.videos.models import Video, Visibility
from conf.db.dependencies import DbSession
from conf.http.bodies import KIB
from conf.http.checks import ANY_QUERY
from conf.http.conditional import IfMatch
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.versions import superseded
from conf.values import MAX_ID
from iam.dependencies import SignedIn, Viewer, requires
from iam.roles import Identity

router = Router("/api/v1", tags=["videos"], dependencies=[ANY_QUERY])

V2 = dt.date(2026, 11, 21)
VIDEOS, VIDEO = "/api/v2/videos/", "/api/v2/videos/{video_id}/"


@router.get("/videos/", response_model=list[schemas.Video])
@superseded(VIDEOS, since=V2)
def list_videos(
    db: DbSession,
    viewer: Viewer,
    skip: Annotated[int, Query(ge=0, le=MAX_ID, description="Number of videos to skip.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Maximum number of videos to return.")] = 20,
) -> Sequence[Row[Any]]:
    """List active videos and your own, oldest first. Admins see all videos. Public."""
    return helpers.page(db, skip=skip, limit=limit, viewer=viewer)


@router.post("/videos/", response_model=schemas.Video, status_code=201, max_body_size=256 * KIB)
@superseded(VIDEOS, since=V2)
def create_video(
    video: schemas.VideoCreate, db: DbSession, author: Annotated[Identity, requires("cms:write")], response: Response
) -> Video:
    """Create a video without a file. Upload the file next, with `POST /api/v1/videos/{video_id}/upload/`.

    Requires: teacher.
    """
    visibility = Visibility.PUBLIC if video.is_active else Visibility.PRIVATE
    fields = video.model_dump(exclude={"is_active"})
    created = helpers.create(db, owner_id=author.user_id, visibility=visibility, **fields)
    response.headers["Location"] = f"/api/v1/videos/{created.id}/"
    return created


@router.get("/videos/{video_id}/", response_model=schemas.Video)
@superseded(VIDEO, since=V2)
def get_video(video_id: Id, db: DbSession, viewer: Viewer) -> Row[Any]:
    """Return the video. Returns 404 if it is not active and the caller is neither its owner nor an admin. Public."""
    return helpers.get(db, video_id=video_id, viewer=viewer)


@router.patch("/videos/{video_id}/", response_model=schemas.Video, max_body_size=256 * KIB)
@superseded(VIDEO, since=V2)
def update_video(video_id: Id, changes: schemas.VideoUpdate, db: DbSession, me: SignedIn, expected: IfMatch) -> Video:
    """Update the fields in the request body.

    Requires: the owner, as long as they are a teacher, or an admin.
    """
    given = changes.given()
    # `is_active: false` changes a public video to private, but leaves an unlisted one unlisted, because clients of v1
    # do not know of unlisted videos.
    if given.get("is_active"):
        given["visibility"] = Visibility.PUBLIC
    return helpers.update(db, video_id=video_id, editor=me, expected=expected, **given)


@router.delete("/videos/{video_id}/", status_code=204)
@superseded(VIDEO, since=V2)
def delete_video(video_id: Id, db: DbSession, me: SignedIn, expected: IfMatch) -> None:
    """Delete the video and its files, and cancel its processing.

    Returns 409 if a new file is uploaded at the same time. Requires: the owner or an admin.
    """
    helpers.delete(db, video_id=video_id, editor=me, expected=expected)


@router.post("/videos/{video_id}/upload/", response_model=schemas.Video, dependencies=[EDITABLE])
@superseded(f"{VIDEO}upload/", since=V2)
def upload_video(video_id: Id, file: VideoFile, db: DbSession, me: SignedIn) -> Video:
    """Upload the video's file as the part `file` of a `multipart/form-data` body. It replaces any previous file.

    The response does not wait for processing, which runs as the job `job_id`: see `GET /api/v1/jobs/{job_id}/`.
    Accepted formats: MP4, MOV, MKV, WebM, AVI, FLV, Ogg, WMV, MPEG, MPEG-TS, MP3, WAV, FLAC and AAC.

    Returns 413 if the file is too large, 415 if it is not a supported video or audio file, 422 if processing it would
    take too long (width × height × frame rate × duration), 409 if another upload replaces the file at the same time,
    and 507 if the server has too little disk space or your quota is used up.

    Requires: the owner, as long as they are a teacher, or an admin.
    """
    return helpers.replace_file(db, video_id=video_id, editor=me, file=file)
