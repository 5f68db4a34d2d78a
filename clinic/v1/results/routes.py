"""Results of diagnostics: staff add them, their patient reads them, each reading is in the audit trail."""

import posixpath
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse

from clinic.results import helpers
from clinic.results.models import Result
from clinic.v1.dependencies import BookingRequester
from clinic.v1.results import schemas
from conf.db.dependencies import DbSession
from conf.http.access import NO_STORE, PUBLIC
from conf.http.media import open_stored
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.threads import threads
from conf.http.uploads import upload
from conf.storage.incoming import IncomingFile
from iam.dependencies import RequestOrigin, requires
from iam.roles import Identity

router = Router("/api/v1", tags=["clinic: results"])

Staff = Annotated[Identity, requires("clinic:patients")]
ResultFile = Annotated[IncomingFile, upload(max_bytes=helpers.MAX_BYTES, sniff=helpers.sniff)]


def _fulfilled_booking(booking_id: Id, db: DbSession, _staff: Staff) -> None:
    """Refuse before a file is received."""
    helpers.assert_may_add(db, booking_id=booking_id)


@router.post(
    "/bookings/{booking_id}/results/",
    response_model=schemas.Result,
    status_code=202,
    responses=error_responses(409),
    dependencies=[Depends(_fulfilled_booking)],
)
def add_result(
    booking_id: Id,
    file: ResultFile,
    db: DbSession,
    staff: Staff,
    origin: RequestOrigin,
    title: Annotated[schemas.Title, Query(description="What its patient knows it by.")] = "",
) -> Result:
    """A PDF, or a JPEG, PNG or WebP picture, up to 50 MiB, as the part `file`, for a diagnostic's booking that is
    fulfilled. The job `job_id` checks it; then its patient is told. Staff."""
    return helpers.add(db, booking_id=booking_id, title=title, editor=staff, origin=origin, file=file)


@router.get("/bookings/{booking_id}/results/", response_model=list[schemas.Result], responses=error_responses(401))
def list_results(booking_id: Id, db: DbSession, requester: BookingRequester) -> Sequence[Result]:
    """The oldest first; for the patient those that have been checked. Owner, who has the booking's link, Staff."""
    return helpers.of_booking(db, booking_id=booking_id, requester=requester)


@router.post(
    "/results/{result_id}/link/",
    response_model=schemas.ResultLink,
    responses=error_responses(401),
    dependencies=[NO_STORE],
)
def create_result_link(
    result_id: Id, wanted: schemas.LinkWanted, db: DbSession, requester: BookingRequester
) -> dict[str, Any]:
    """An address of the file that opens it for five minutes. Owner, who has the booking's link, Staff."""
    url, expires_at = helpers.link(db, result_id=result_id, preview=wanted.preview, requester=requester)
    return {"url": url, "expires_at": expires_at}


@router.get(
    "/results/{result_id}/file/",
    response_model=None,
    response_class=FileResponse,
    responses=error_responses(403),
    dependencies=[PUBLIC],
)
async def get_result_file(
    result_id: Id, grant: Annotated[str, Query(max_length=100)], request: Request, origin: RequestOrigin
) -> Response:
    """The file. Each request is in the audit trail. Public: whoever has a link that the API gave out, for 5 minutes."""
    key = await threads().run(helpers.open_file, result_id=result_id, grant=grant, origin=origin)
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{posixpath.basename(key)}"',
    }
    return await threads().run(open_stored, key, headers, head=request.method == "HEAD", expires_s=60)


@router.delete("/results/{result_id}/", status_code=204)
def delete_result(result_id: Id, db: DbSession, staff: Staff, origin: RequestOrigin) -> None:
    """With its files; that it was there stays on record. Staff."""
    helpers.delete(db, result_id=result_id, editor=staff, origin=origin)
