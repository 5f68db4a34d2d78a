"""The video library: upload a video, wait until it is processed, and play it as HLS. Teachers create videos; a video
is public, unlisted or private."""

from functools import partial
from typing import Annotated, Any

from fastapi import Query, Response

from cms.dependencies import EDITABLE, VideoFile
from cms.v2 import schemas
from cms.videos import helpers, rules
from conf.db.dependencies import DbSession
from conf.http.bodies import KIB
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
    tag: Annotated[rules.Tag | None, Query(description="List only videos with this tag. Case does not matter.")] = None,
) -> Slice[dict[str, Any]]:
    """List public videos and your own, newest first. Admins see all videos. Public."""
    rows = helpers.newest(db, before_id=paging.last_id, limit=paging.fetch, tag=tag, viewer=viewer)
    return paging.page(rows, convert=partial(schemas.visible_fields, viewer=viewer))


@router.post("/videos/", response_model=schemas.Video, status_code=201, max_body_size=256 * KIB)
def create_video(
    video: schemas.VideoCreate, db: DbSession, author: Annotated[Identity, requires("cms:write")], response: Response
) -> dict[str, Any]:
    """Create a video without a file. Upload the file next, with `POST /api/v2/videos/{video_id}/upload/`.

    Requires: teacher.
    """
    created = helpers.create(db, owner_id=author.user_id, **video.model_dump())
    response.headers["Location"] = f"/api/v2/videos/{created.id}/"
    return schemas.visible_fields(created, viewer=author)


@router.get("/videos/{video_id}/", response_model=schemas.Video)
def get_video(
    video_id: Id,
    db: DbSession,
    viewer: Viewer,
    key: Annotated[schemas.ShareKey | None, Query(description="The `share_key` of an unlisted video.")] = None,
) -> dict[str, Any]:
    """Return the video. Returns 404 if the caller may not see it.

    Everyone can see a public video. An unlisted one requires its `share_key` as the parameter `key`. The owner and
    admins can see the video in any case. Public.
    """
    video = helpers.get(db, video_id=video_id, viewer=viewer, share_key=key, whole=True)
    return schemas.visible_fields(video, viewer=viewer)


@router.patch("/videos/{video_id}/", response_model=schemas.Video, max_body_size=256 * KIB)
def update_video(
    video_id: Id, changes: schemas.VideoUpdate, db: DbSession, me: SignedIn, expected: NeedsIfMatch
) -> dict[str, Any]:
    """Update the fields in the request body.

    Send the ETag of the video in `If-Match`. Returns 428 if the header is missing, and 412 if the video has changed
    since. Requires: the owner, as long as they are a teacher, or an admin.
    """
    return schemas.visible_fields(
        helpers.update(db, video_id=video_id, editor=me, expected=expected, **changes.given()), viewer=me
    )


@router.delete("/videos/{video_id}/", status_code=204)
def delete_video(video_id: Id, db: DbSession, me: SignedIn, expected: IfMatch) -> None:
    """Delete the video and its files, and cancel its processing.

    Returns 409 if a new file is uploaded at the same time. Requires: the owner or an admin.
    """
    helpers.delete(db, video_id=video_id, editor=me, expected=expected)


@router.post("/videos/{video_id}/upload/", response_model=schemas.Video, dependencies=[EDITABLE])
def upload_video(video_id: Id, file: VideoFile, db: DbSession, me: SignedIn) -> dict[str, Any]:
    """Upload the video's file as the part `file` of a `multipart/form-data` body. It replaces any previous file.

    The response does not wait for processing, which runs as the job `job_id`: see `GET /api/v1/jobs/{job_id}/`.
    Accepted formats: MP4, MOV, MKV, WebM, AVI, FLV, Ogg, WMV, MPEG, MPEG-TS, MP3, WAV, FLAC and AAC.

    Returns 413 if the file is too large, 415 if it is not a supported video or audio file, 422 if processing it would
    take too long (width × height × frame rate × duration), 409 if another upload replaces the file at the same time,
    and 507 if the server has too little disk space or your quota is used up.

    Requires: the owner, as long as they are a teacher, or an admin.
    """
    return schemas.visible_fields(helpers.replace_file(db, video_id=video_id, editor=me, file=file), viewer=me)
