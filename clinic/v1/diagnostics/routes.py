"""Diagnostics: anyone sees them, staff look after them."""

from typing import Annotated

from fastapi import Query, Request, Response

from clinic.bookings import capacity
from clinic.diagnostics import crud, helpers
from clinic.diagnostics.photos import PHOTOS
from clinic.v1.bookable.schemas import PhotoAccepted
from clinic.v1.diagnostics import schemas
from clinic.v1.doctors.routes import Editor
from clinic.v1.locations.routes import EDITOR, Hidden
from conf.db.dependencies import DbSession
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Cursor, Limit, Page, key_of, page
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.uploads import FILE_BODY, take_file
from conf.storage.pictures import MAX_BYTES
from conf.values import MAX_ID

router = Router("/api/v1/diagnostics", tags=["clinic: diagnostics"])


@router.get("/")
def list_diagnostics(
    db: DbSession,
    request: Request,
    response: Response,
    hidden: Hidden,
    cursor: Cursor = None,
    limit: Limit = 20,
    location_id: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Page[schemas.Diagnostic]:
    """In the order they were made; those that are not active for staff and Admin. Public."""
    rows = crud.page(db, after_id=key_of(cursor), limit=limit + 1, hidden=hidden, location_id=location_id)
    return page(rows, limit=limit, request=request, response=response)


@router.post("/", status_code=201, dependencies=[EDITOR])
def create_diagnostic(diagnostic: schemas.DiagnosticCreate, db: DbSession, response: Response) -> schemas.Diagnostic:
    """A diagnostic, which is offered nowhere until there are locations. Staff and Admin."""
    created = crud.create(db, **diagnostic.model_dump())
    response.headers["Location"] = f"/api/v1/diagnostics/{created.id}/"
    return crud.get(db, diagnostic_id=created.id)


@router.get("/{diagnostic_id}/")
def get_diagnostic(diagnostic_id: Id, db: DbSession, hidden: Hidden) -> schemas.Diagnostic:
    """One diagnostic. Public."""
    return crud.get(db, diagnostic_id=diagnostic_id, hidden=hidden)


@router.patch("/{diagnostic_id}/", dependencies=[EDITOR])
def update_diagnostic(
    diagnostic_id: Id, changes: schemas.DiagnosticUpdate, db: DbSession, expected: NeedsIfMatch
) -> schemas.Diagnostic:
    """Change the fields that are given. Staff and Admin."""
    crud.update(db, diagnostic_id=diagnostic_id, expected=expected, **changes.given())
    return crud.get(db, diagnostic_id=diagnostic_id)


@router.delete("/{diagnostic_id}/", status_code=204, dependencies=[EDITOR])
def delete_diagnostic(diagnostic_id: Id, db: DbSession, expected: IfMatch) -> None:
    """With photo and locations. 409 when there are bookings. Staff and Admin."""
    helpers.delete(db, diagnostic_id=diagnostic_id, expected=expected)


@router.post("/{diagnostic_id}/photo/", status_code=202, openapi_extra=FILE_BODY)
async def upload_diagnostic_photo(diagnostic_id: Id, request: Request, editor: Editor) -> PhotoAccepted:
    """A picture, as the part `file`: JPEG, PNG, WebP or GIF, up to 10 MiB. The job makes it square, in two sizes. Staff
    and Admin."""
    row = await take_file(request, PHOTOS.replace, max_bytes=MAX_BYTES, row_id=diagnostic_id, owner_id=editor.user_id)
    return PhotoAccepted.model_validate({"job_id": row.photo_job_id})


@router.delete("/{diagnostic_id}/photo/", status_code=204, dependencies=[EDITOR])
def delete_diagnostic_photo(diagnostic_id: Id, db: DbSession) -> None:
    """Take the picture away. Staff and Admin."""
    PHOTOS.remove(db, row_id=diagnostic_id)


@router.get("/{diagnostic_id}/locations/")
def list_diagnostic_locations(diagnostic_id: Id, db: DbSession, hidden: Hidden) -> list[schemas.DiagnosticPlace]:
    """The locations that offer it. Public."""
    crud.get(db, diagnostic_id=diagnostic_id, hidden=hidden)
    return crud.locations(db, diagnostic_id=diagnostic_id, hidden=hidden)


@router.put("/{diagnostic_id}/locations/{location_id}/", dependencies=[EDITOR])
def put_diagnostic_location(
    diagnostic_id: Id, location_id: Id, place: schemas.CapacityPut, db: DbSession
) -> schemas.DiagnosticPlace:
    """Offer it there, to so many patients at a time. 409 when more are booked at a time. Staff and Admin."""
    return capacity.put(db, diagnostic_id=diagnostic_id, location_id=location_id, capacity=place.capacity)


@router.delete("/{diagnostic_id}/locations/{location_id}/", status_code=204, dependencies=[EDITOR])
def delete_diagnostic_location(diagnostic_id: Id, location_id: Id, db: DbSession) -> None:
    """Offer it there no longer. 409 when there have been bookings. Staff and Admin."""
    capacity.remove(db, diagnostic_id=diagnostic_id, location_id=location_id)
