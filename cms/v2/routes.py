"""Videos: anyone sees the public ones, teachers make them, the owner or an admin changes them."""

from typing import Annotated

from fastapi import Query, Request, Response

from cms.v2 import schemas
from cms.videos import helpers, rules
from conf.db.dependencies import DbSession
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Cursor, Limit, Page, key_of, page
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.threads import threads
from conf.http.uploads import FILE_BODY, take_file
from iam.dependencies import SignedIn, Viewer, requires
from iam.roles import Identity

router = Router("/api/v2", tags=["videos"])


@router.get("/videos/")
def list_videos(
    db: DbSession,
    request: Request,
    response: Response,
    viewer: Viewer,
    cursor: Cursor = None,
    limit: Limit = 20,
    tag: Annotated[rules.Tag | None, Query()] = None,
) -> Page[schemas.Video]:
    """Public videos and your own (all of them for an Admin), the newest first. Public."""
    rows = helpers.newest(db, before_id=key_of(cursor), limit=limit + 1, tag=tag, viewer=viewer)
    found = page(rows, limit=limit, request=request, response=response)
    return found | {"items": [schemas.shown(video, to=viewer) for video in found["items"]]}


@router.post("/videos/", status_code=201)
def create_video(
    video: schemas.VideoCreate, db: DbSession, author: Annotated[Identity, requires("cms:write")], response: Response
) -> schemas.Video:
    """A video without a file yet; upload that next. Teachers and Admin."""
    created = helpers.create(db, owner_id=author.user_id, **video.model_dump())
    response.headers["Location"] = f"/api/v2/videos/{created.id}/"
    return schemas.shown(created, to=author)


@router.get("/videos/{video_id}/")
def get_video(
    video_id: Id,
    db: DbSession,
    viewer: Viewer,
    key: Annotated[schemas.ShareKey | None, Query(description="The `share_key` of an unlisted video.")] = None,
) -> schemas.Video:
    """One video; 404 for one that you may not see. Public."""
    video = helpers.get(db, video_id=video_id, viewer=viewer, share_key=key, whole=True)
    return schemas.shown(video, to=viewer)


@router.patch("/videos/{video_id}/")
def update_video(
    video_id: Id, changes: schemas.VideoUpdate, db: DbSession, me: SignedIn, expected: NeedsIfMatch
) -> schemas.Video:
    """Change the fields that are given. Owner or Admin."""
    return schemas.shown(helpers.update(db, video_id=video_id, editor=me, expected=expected, **changes.given()), to=me)


@router.delete("/videos/{video_id}/", status_code=204)
def delete_video(video_id: Id, db: DbSession, me: SignedIn, expected: IfMatch) -> None:
    """Delete the video and its files, and stop its processing. Owner or Admin."""
    helpers.delete(db, video_id=video_id, editor=me, expected=expected)


@router.post("/videos/{video_id}/upload/", openapi_extra=FILE_BODY)
async def upload_video(video_id: Id, request: Request, me: SignedIn) -> schemas.Video:
    """The video's file, as the part `file`, in place of any before. Answers at once; the work is the job `job_id`.

    413 when it is too large, 415 when it is neither video nor sound. Owner or Admin."""
    await threads().run(helpers.assert_may_change, video_id=video_id, editor=me)
    video = await take_file(request, helpers.replace_file, video_id=video_id, editor=me)
    return schemas.shown(video, to=me)
