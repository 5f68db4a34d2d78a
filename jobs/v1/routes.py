"""Jobs: to watch, cancel and retry by those whose work it is, and by admins."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header, Query
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.models import ENDED, Job
from conf.db.dependencies import DbSession, with_db_session
from conf.http import draining
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.threads import threads
from iam.dependencies import SignedIn
from iam.roles import Identity
from iam.tokens.helpers import is_live
from jobs import helpers
from jobs.v1 import schemas

router = Router("/api/v1", tags=["jobs"])

LOOK_S = 0.5
KEEP_ALIVE_LOOKS = 30


@router.get("/jobs/", response_model=Page[schemas.Job])
def list_jobs(
    db: DbSession,
    me: SignedIn,
    paging: Paging,
    filters: Annotated[schemas.JobFilter, Query()],
) -> Slice[Job]:
    """Your own, the newest first; everybody's for an Admin. Signed in."""
    owner_id = None if me.may("jobs:admin") else me.user_id
    rows = crud.page(db, before_id=paging.last_id, limit=paging.fetch, owner_id=owner_id, **filters.given())
    return paging.page(rows)


@router.get("/jobs/{job_id}/", response_model=schemas.Job)
def get_job(job_id: Id, db: DbSession, me: SignedIn) -> Job:
    """One job. Owner or Admin."""
    return helpers.get(db, job_id=job_id, viewer=me)


@router.post("/jobs/{job_id}/cancel/", response_model=schemas.Job, status_code=202)
def cancel_job(job_id: Id, db: DbSession, me: SignedIn) -> Job:
    """Stop it: at once while it waits, within seconds while it runs. 409 when it has ended. Owner or Admin."""
    return helpers.cancel_own(db, job_id=job_id, viewer=me)


@router.post("/jobs/{job_id}/retry/", response_model=schemas.Job, status_code=202)
def retry_job(job_id: Id, db: DbSession, me: SignedIn) -> Job:
    """Run a failed or cancelled job again. 409 in any other state. Owner or Admin."""
    return helpers.retry(db, job_id=job_id, viewer=me)


@router.get(
    "/jobs/{job_id}/events/",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "`event: job` with a job as `data`"}},
)
async def watch_job(
    job_id: Id, me: SignedIn, last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,18}$")] = None
) -> StreamingResponse:
    """The job each time it changes, as server-sent events, until it ends. Owner or Admin.

    An event's id counts the changes: a client that comes back with `Last-Event-ID` gets what it has not seen, nothing
    twice.
    """
    seen = int(last_event_id or 0)
    first = await threads().run(_look, job_id=job_id, viewer=me)
    return StreamingResponse(
        _events(job_id, me, first, seen), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _events(job_id: int, viewer: Identity, now: tuple[int, bool, str] | None, seen: int) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    silent = looks = 0
    while now is not None:
        version, ended, job = now
        if version > seen:
            seen, silent = version, 0
            yield f"event: job\nid: {version}\ndata: {job}\n\n"
        if ended or draining.is_draining():  # a client comes back, to another process
            return
        silent += 1
        if silent % KEEP_ALIVE_LOOKS == 0:
            yield ": still there\n\n"
        looks += 1
        if looks % KEEP_ALIVE_LOOKS == 0 and not await threads().run(is_live, identity=viewer):
            return
        await asyncio.sleep(LOOK_S)
        now = await threads().run(_look, job_id=job_id, viewer=viewer)


@with_db_session
def _look(*, job_id: int, viewer: Identity, db: Session) -> tuple[int, bool, str]:
    """Version, whether it has ended, and the job as JSON. NotFound."""
    job = helpers.get(db, job_id=job_id, viewer=viewer)
    return job.version, job.status in ENDED, schemas.Job.model_validate(job).model_dump_json()
