"""Videos: anyone sees the active ones, teachers make them, the owner or an admin changes them. v2 replaces them all;
active is what is public there."""

import datetime as dt
from typing import Annotated

from fastapi import Query, Request, Response

from cms.v1 import schemas
from cms.videos import helpers
from cms.videos.models import Visibility
from conf.db.dependencies import DbSession
from conf.http.conditional import IfMatch
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.threads import threads
from conf.http.uploads import FILE_BODY, take_file
from conf.http.versions import superseded
from conf.values import MAX_ID
from iam.dependencies import SignedIn, Viewer, requires
from iam.roles import Identity

router = Router("/api/v1", tags=["videos"])

V2 = dt.date(2026, 11, 21)
VIDEOS, VIDEO = "/api/v2/videos/", "/api/v2/videos/{video_id}/"


@router.get("/videos/")
@superseded(VIDEOS, since=V2)
def list_videos(
    db: DbSession,
    viewer: Viewer,
    skip: Annotated[int, Query(ge=0, le=MAX_ID, description="Rows to leave out.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[schemas.Video]:
    """Active videos and your own (all of them for an Admin), the oldest first. Public."""
    return helpers.page(db, skip=skip, limit=limit, viewer=viewer)


@router.post("/videos/", status_code=201)
@superseded(VIDEOS, since=V2)
def create_video(
    video: schemas.VideoCreate, db: DbSession, author: Annotated[Identity, requires("cms:write")], response: Response
) -> schemas.Video:
    """A video without a file yet; upload that next. Teachers and Admin."""
    visibility = Visibility.PUBLIC if video.is_active else Visibility.PRIVATE
    fields = video.model_dump(exclude={"is_active"})
    created = helpers.create(db, owner_id=author.user_id, visibility=visibility, **fields)
    response.headers["Location"] = f"/api/v1/videos/{created.id}/"
    return created


@router.get("/videos/{video_id}/")
@superseded(VIDEO, since=V2)
def get_video(video_id: Id, db: DbSession, viewer: Viewer) -> schemas.Video:
    """One video; 404 for one that is not active, but for its Owner or an Admin. Public."""
    return helpers.get(db, video_id=video_id, viewer=viewer)


@router.patch("/videos/{video_id}/")
@superseded(VIDEO, since=V2)
def update_video(
    video_id: Id, changes: schemas.VideoUpdate, db: DbSession, me: SignedIn, expected: IfMatch
) -> schemas.Video:
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


@router.post("/videos/{video_id}/upload/", openapi_extra=FILE_BODY)
@superseded(f"{VIDEO}upload/", since=V2)
async def upload_video(video_id: Id, request: Request, me: SignedIn) -> schemas.Video:
    """The video's file, as the part `file`, in place of any before. Answers at once; the work is the job `job_id`.

    413 when it is too large, 415 when it is neither video nor sound. Owner or Admin."""
    await threads().run(helpers.assert_may_change, video_id=video_id, editor=me)
    video = await take_file(request, helpers.replace_file, video_id=video_id, editor=me)
    return schemas.Video.model_validate(video)
