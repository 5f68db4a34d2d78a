"""Videos: anyone sees the public ones, teachers make them, the owner or an admin changes them."""

from functools import partial
from typing import Annotated, Any

from fastapi import Query, Response

from cms.dependencies import EDITABLE, VideoFile
from cms.v2 import schemas
from cms.videos import helpers, rules
from conf.db.dependencies import DbSession
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from conf.http.schemas import Id
from iam.dependencies import SignedIn, Viewer, requires
from iam.roles import Identity

router = Router("/api/v2", tags=["videos"])


@router.get("/videos/", response_model=Page[schemas.Video])
def list_videos(
    db: DbSession,
    viewer: Viewer,
    paging: Paging,
    tag: Annotated[rules.Tag | None, Query()] = None,
) -> Slice[dict[str, Any]]:
    """Public videos and your own (all of them for an Admin), the newest first. Public."""
    rows = helpers.newest(db, before_id=paging.last_id, limit=paging.fetch, tag=tag, viewer=viewer)
    return paging.page(rows, show=partial(schemas.shown, to=viewer))


@router.post("/videos/", response_model=schemas.Video, status_code=201)
def create_video(
    video: schemas.VideoCreate, db: DbSession, author: Annotated[Identity, requires("cms:write")], response: Response
) -> dict[str, Any]:
    """A video without a file yet; upload that next. Teachers and Admin."""
    created = helpers.create(db, owner_id=author.user_id, **video.model_dump())
    response.headers["Location"] = f"/api/v2/videos/{created.id}/"
    return schemas.shown(created, to=author)


@router.get("/videos/{video_id}/", response_model=schemas.Video)
def get_video(
    video_id: Id,
    db: DbSession,
    viewer: Viewer,
    key: Annotated[schemas.ShareKey | None, Query(description="The `share_key` of an unlisted video.")] = None,
) -> dict[str, Any]:
    """One video; 404 for one that you may not see. Public."""
    video = helpers.get(db, video_id=video_id, viewer=viewer, share_key=key, whole=True)
    return schemas.shown(video, to=viewer)


@router.patch("/videos/{video_id}/", response_model=schemas.Video)
def update_video(
    video_id: Id, changes: schemas.VideoUpdate, db: DbSession, me: SignedIn, expected: NeedsIfMatch
) -> dict[str, Any]:
    """Change the fields that are given. Owner or Admin."""
    return schemas.shown(helpers.update(db, video_id=video_id, editor=me, expected=expected, **changes.given()), to=me)


@router.delete("/videos/{video_id}/", status_code=204)
def delete_video(video_id: Id, db: DbSession, me: SignedIn, expected: IfMatch) -> None:
    """Delete the video and its files, and stop its processing. Owner or Admin."""
    helpers.delete(db, video_id=video_id, editor=me, expected=expected)


@router.post("/videos/{video_id}/upload/", response_model=schemas.Video, dependencies=[EDITABLE])
def upload_video(video_id: Id, file: VideoFile, db: DbSession, me: SignedIn) -> dict[str, Any]:
    """The video's file, as the part `file`, in place of any before. Answers at once; the work is the job `job_id`.

    413 when it is too large, 415 when it is neither video nor sound. Owner or Admin."""
    return schemas.shown(helpers.replace_file(db, video_id=video_id, editor=me, file=file), to=me)
