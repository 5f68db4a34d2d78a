"""Videos. Everyone may read and change them: there are no accounts yet."""

from typing import Annotated

from fastapi import Query, Request, Response

from cms.v1 import schemas
from cms.videos import crud, helpers
from conf.db.dependencies import DbSession
from conf.http.route import Router
from conf.http.schemas import MAX_ID, Id
from conf.http.threads import threads
from conf.http.uploads import FILE_BODY, receive_file
from conf.storage.work import work_folder

router = Router("/api/v1", tags=["videos"])


@router.get("/videos/")
def list_videos(
    db: DbSession,
    skip: Annotated[int, Query(ge=0, le=MAX_ID, description="Rows to leave out.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[schemas.Video]:
    """The oldest first. Public."""
    return crud.page(db, skip=skip, limit=limit)


@router.post("/videos/", status_code=201)
def create_video(video: schemas.VideoCreate, db: DbSession, response: Response) -> schemas.Video:
    """A video without a file yet; upload that next. Public."""
    created = crud.create(db, **video.model_dump())
    response.headers["Location"] = f"/api/v1/videos/{created.id}/"
    return created


@router.get("/videos/{video_id}/")
def get_video(video_id: Id, db: DbSession) -> schemas.Video:
    """One video. Public."""
    return crud.get(db, video_id=video_id)


@router.patch("/videos/{video_id}/")
def update_video(video_id: Id, changes: schemas.VideoUpdate, db: DbSession) -> schemas.Video:
    """Change the fields that are given. Public."""
    return crud.update(db, video_id=video_id, **changes.model_dump(exclude_unset=True))


@router.delete("/videos/{video_id}/", status_code=204)
def delete_video(video_id: Id, db: DbSession) -> None:
    """Delete the video and its files, and stop its processing. Public."""
    helpers.delete(db, video_id=video_id)


@router.post("/videos/{video_id}/upload/", openapi_extra=FILE_BODY)
async def upload_video(video_id: Id, request: Request) -> schemas.Video:
    """The video's file, as the part `file`, in place of any before. Answers at once; the work is the job `job_id`.

    413 when it is too large, 415 when it is neither video nor sound. Public."""
    await threads().run(helpers.assert_exists, video_id=video_id)
    with work_folder("upload") as folder:
        path = await receive_file(request, folder)
        video = await threads().run(helpers.replace_file, video_id=video_id, path=path)
    return schemas.Video.model_validate(video)
