"""Videos: anyone sees the active ones, teachers make them, the owner or an admin changes them. v2 replaces them all;
active is what is public there."""

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
    skip: Annotated[int, Query(ge=0, le=MAX_ID, description="Rows to leave out.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Sequence[Row[Any]]:
    """Active videos and your own (all of them for an Admin), the oldest first. Public."""
    return helpers.page(db, skip=skip, limit=limit, viewer=viewer)


@router.post("/videos/", response_model=schemas.Video, status_code=201)
@superseded(VIDEOS, since=V2)
def create_video(
    video: schemas.VideoCreate, db: DbSession, author: Annotated[Identity, requires("cms:write")], response: Response
) -> Video:
    """A video without a file yet; upload that next. Teachers and Admin."""
    visibility = Visibility.PUBLIC if video.is_active else Visibility.PRIVATE
    fields = video.model_dump(exclude={"is_active"})
    created = helpers.create(db, owner_id=author.user_id, visibility=visibility, **fields)
    response.headers["Location"] = f"/api/v1/videos/{created.id}/"
    return created


@router.get("/videos/{video_id}/", response_model=schemas.Video)
@superseded(VIDEO, since=V2)
def get_video(video_id: Id, db: DbSession, viewer: Viewer) -> Row[Any]:
    """One video; 404 for one that is not active, but for its Owner or an Admin. Public."""
    return helpers.get(db, video_id=video_id, viewer=viewer)


@router.patch("/videos/{video_id}/", response_model=schemas.Video)
@superseded(VIDEO, since=V2)
def update_video(video_id: Id, changes: schemas.VideoUpdate, db: DbSession, me: SignedIn, expected: IfMatch) -> Video:
    """Change the fields that are given. Owner or Admin."""
    given = changes.given()
    if given.get("is_active"):  # what is not active may be unlisted, and stays it
        given["visibility"] = Visibility.PUBLIC
    return helpers.update(db, video_id=video_id, editor=me, expected=expected, **given)


@router.delete("/videos/{video_id}/", status_code=204)
@superseded(VIDEO, since=V2)
def delete_video(video_id: Id, db: DbSession, me: SignedIn, expected: IfMatch) -> None:
    """Delete the video and its files, and stop its processing. Owner or Admin."""
    helpers.delete(db, video_id=video_id, editor=me, expected=expected)


@router.post("/videos/{video_id}/upload/", response_model=schemas.Video, dependencies=[EDITABLE])
@superseded(f"{VIDEO}upload/", since=V2)
def upload_video(video_id: Id, file: VideoFile, db: DbSession, me: SignedIn) -> Video:
    """The video's file, as the part `file`, in place of any before. Answers at once; the work is the job `job_id`.

    413 when it is too large, 415 when it is neither video nor sound. Owner or Admin."""
    return helpers.replace_file(db, video_id=video_id, editor=me, file=file)
