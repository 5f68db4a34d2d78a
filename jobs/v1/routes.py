"""Background jobs, such as the processing of a video: their owners and admins watch, cancel and retry them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Header, Query
from fastapi.responses import StreamingResponse
from sqlalchemy import Row
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.models import ENDED, Job
from conf.db.dependencies import DbSession, with_db_session
from conf.http import draining
from conf.http.pagination import Page, Paging, Slice
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.streams import CountedStream
from conf.http.threads import threads
from iam.dependencies import SignedIn
from iam.roles import Identity
from iam.tokens.helpers import is_live
from jobs import helpers
from jobs.v1 import schemas

router = Router("/api/v1", tags=["jobs"])

STREAM: dict[int | str, Any] = {
    200: {
        "content": {"text/event-stream": {}},
        "description": "Events of the type `job`, with the job as JSON in `data`.",
    }
}

POLL_S = 0.5
"""Seconds between two reads of a watched job."""
KEEP_ALIVE_POLLS = 30
"""Polls without a change after which a comment is sent, and polls between two checks that the caller is still signed
in."""


@router.get("/jobs/", response_model=Page[schemas.Job])
def list_jobs(
    db: DbSession,
    me: SignedIn,
    paging: Paging,
    filters: Annotated[schemas.JobFilter, Query()],
) -> Slice[Row[Any]]:
    """List your own jobs, newest first. Admins see all jobs. Requires: signed in."""
    owner_id = None if me.may("jobs:admin") else me.user_id
    rows = crud.page(db, before_id=paging.last_id, limit=paging.fetch, owner_id=owner_id, **filters.given())
    return paging.page(rows)


@router.get("/jobs/{job_id}/", response_model=schemas.Job)
def get_job(job_id: Id, db: DbSession, me: SignedIn) -> Row[Any]:
    """Return a job. Returns 404 for jobs of other users. Requires: the owner or an admin."""
    return helpers.get(db, job_id=job_id, viewer=me)


@router.post("/jobs/{job_id}/cancel/", response_model=schemas.Job, status_code=202)
def cancel_job(job_id: Id, db: DbSession, me: SignedIn) -> Job:
    """Cancel a job.

    A queued job is `cancelled` at once. A running job gets `cancel_requested` and ends within seconds. Returns 409 if
    the job has ended or is internal to the server. Requires: the owner or an admin.
    """
    return helpers.cancel_own(db, job_id=job_id, viewer=me)


@router.post("/jobs/{job_id}/retry/", response_model=schemas.Job, status_code=202)
def retry_job(job_id: Id, db: DbSession, me: SignedIn) -> Job:
    """Run a failed or cancelled job again, with its full number of attempts.

    Returns 409 if the job has another status, or cannot be retried because its file has been removed or its feature is
    no longer installed. Requires: the owner or an admin.
    """
    return helpers.retry(db, job_id=job_id, viewer=me)


@router.get(
    "/jobs/{job_id}/events/",
    response_class=StreamingResponse,
    responses=STREAM | error_responses(429),
)
async def watch_job(
    job_id: Id,
    me: SignedIn,
    last_event_id: Annotated[
        str | None,
        Header(
            pattern=r"^\d{1,18}$",
            description="Id of the last event that the client has received. Only later changes are sent.",
            examples=["3"],
        ),
    ] = None,
) -> StreamingResponse:
    """Stream the job as server-sent events, each time it changes, until it has ended.

    The first event is the current state. The ids of events increase. After a lost connection, reconnect with the header
    `Last-Event-ID` (as EventSource does): the job is sent only if it has changed since that event. The stream also ends
    when the server shuts down or you are signed out. Returns 429 if you have ten open streams.
    Requires: the owner or an admin.
    """
    seen = int(last_event_id or 0)
    first = await threads().run(_read, job_id=job_id, viewer=me)
    events = CountedStream(me.user_id, _events(job_id, me, first, seen))
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _events(
    job_id: int, viewer: Identity, current: tuple[int, bool, str] | None, seen: int
) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    silent_polls = polls = 0
    while current is not None:
        version, ended, job = current
        if version > seen:
            seen, silent_polls = version, 0
            yield f"event: job\nid: {version}\ndata: {job}\n\n"
        if ended or draining.is_draining():  # the client reconnects to another process
            return
        silent_polls += 1
        if silent_polls % KEEP_ALIVE_POLLS == 0:
            yield ": keep-alive\n\n"
        polls += 1
        if polls % KEEP_ALIVE_POLLS == 0 and not await threads().run(is_live, identity=viewer):
            return
        await asyncio.sleep(POLL_S)
        current = await threads().run(_read, job_id=job_id, viewer=viewer)


@with_db_session
def _read(*, job_id: int, viewer: Identity, db: Session) -> tuple[int, bool, str]:
    """Return the job's version, whether it has ended, and the job as JSON. Raises: NotFound."""
    job = helpers.get(db, job_id=job_id, viewer=viewer)
    return job.version, job.status in ENDED, schemas.Job.model_validate(job, from_attributes=True).model_dump_json()
