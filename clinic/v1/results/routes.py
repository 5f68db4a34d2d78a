"""Results of visits: staff add them, the patient downloads them, and each download is in the audit trail."""

import posixpath
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import Row

from clinic.results import helpers
from clinic.results.models import Result
from clinic.v1.dependencies import COUNT_GUEST, BookingRequester
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
    """Check the booking before the file is received. Raises: NotFound; Conflict."""
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
    title: Annotated[
        schemas.Title, Query(description="Title for the patient, at most 200 characters.", examples=["Blood count"])
    ] = "",
) -> Result:
    """Add a result to a booking: the part `file` with a PDF, or a JPEG, PNG or WebP picture, of at most 50 MiB.

    Returns 202 with the job that checks the file. If the file can be read, the patient gets an e-mail. Returns 409 if
    the booking is not of a diagnostic, or is not `fulfilled`. Requires: staff."""
    return helpers.add(db, booking_id=booking_id, title=title, editor=staff, origin=origin, file=file)


@router.get("/bookings/{booking_id}/results/", response_model=list[schemas.Result], responses=error_responses(401))
def list_results(booking_id: Id, db: DbSession, requester: BookingRequester) -> Sequence[Row[Any]]:
    """List the results of a booking, oldest first. Patients see only those with the status `ready`. Requires: the
    patient, a holder of the booking link, or staff."""
    return helpers.of_booking(db, booking_id=booking_id, requester=requester)


@router.post(
    "/results/{result_id}/link/",
    response_model=schemas.ResultLink,
    responses=error_responses(401, 429),
    dependencies=[NO_STORE, COUNT_GUEST],
)
def create_result_link(
    result_id: Id, options: schemas.LinkWanted, db: DbSession, requester: BookingRequester
) -> dict[str, Any]:
    """Create a link to the file of a result, or to its preview. It is valid for five minutes and needs no sign-in.

    Returns 409 to staff and 404 to patients if the status is not `ready`. Requires: the patient, a holder of the
    booking link, or staff."""
    url, expires_at = helpers.link(db, result_id=result_id, preview=options.preview, requester=requester)
    return {"url": url, "expires_at": expires_at}


@router.get(
    "/results/{result_id}/file/",
    response_model=None,
    response_class=FileResponse,
    responses=error_responses(403),
    dependencies=[PUBLIC],
)
async def get_result_file(
    result_id: Id,
    grant: Annotated[
        str,
        Query(
            max_length=100,
            description="The signed grant in the link, which `POST /results/{result_id}/link/` returned.",
            examples=["0.12.1767225600.q3VtZl1XcW9sT0hYbmR5a2pQ"],
        ),
    ],
    request: Request,
    origin: RequestOrigin,
) -> Response:
    """Download a result with a link from `POST /results/{result_id}/link/`.

    Returns the file, or a redirect (307) to the file storage. Each request is recorded in the audit trail. Returns 403
    if the link is not valid or has expired. Public."""
    key = await threads().run(helpers.open_file, result_id=result_id, grant=grant, origin=origin)
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{posixpath.basename(key)}"',
    }
    return await threads().run(open_stored, key, headers, head=request.method == "HEAD", expires_s=60)


@router.delete("/results/{result_id}/", status_code=204)
def delete_result(result_id: Id, db: DbSession, staff: Staff, origin: RequestOrigin) -> None:
    """Delete a result with its files. The audit trail keeps a record of the deletion. Requires: staff."""
    helpers.delete(db, result_id=result_id, editor=staff, origin=origin)
