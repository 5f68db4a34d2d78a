"""Diagnostics: anyone sees them, staff look after them."""

from collections.abc import Sequence
from typing import Any

from fastapi import Response
from sqlalchemy import Row

from clinic.bookings import capacity
from clinic.diagnostics import crud, helpers
from clinic.diagnostics.photos import PHOTOS
from clinic.v1.bookable.schemas import PhotoAccepted
from clinic.v1.dependencies import EDITOR, Editor, Hidden, IdFilter, Photo
from clinic.v1.diagnostics import schemas
from conf.db.dependencies import DbSession
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from conf.http.schemas import Id

router = Router("/api/v1/diagnostics", tags=["clinic: diagnostics"])


@router.get("/", response_model=Page[schemas.Diagnostic])
def list_diagnostics(
    db: DbSession,
    hidden: Hidden,
    paging: Paging,
    location_id: IdFilter = None,
) -> Slice[Row[Any]]:
    """In the order they were made; those that are not active for staff and Admin. Public."""
    rows = crud.page(db, after_id=paging.last_id, limit=paging.fetch, hidden=hidden, location_id=location_id)
    return paging.page(rows)


@router.post("/", response_model=schemas.Diagnostic, status_code=201, dependencies=[EDITOR])
def create_diagnostic(diagnostic: schemas.DiagnosticCreate, db: DbSession, response: Response) -> Row[Any]:
    """A diagnostic, which is offered nowhere until there are locations. Staff and Admin."""
    created = crud.create(db, **diagnostic.model_dump())
    response.headers["Location"] = f"/api/v1/diagnostics/{created.id}/"
    return crud.get(db, diagnostic_id=created.id)


@router.get("/{diagnostic_id}/", response_model=schemas.Diagnostic)
def get_diagnostic(diagnostic_id: Id, db: DbSession, hidden: Hidden) -> Row[Any]:
    """One diagnostic. Public."""
    return crud.get(db, diagnostic_id=diagnostic_id, hidden=hidden)


@router.patch("/{diagnostic_id}/", response_model=schemas.Diagnostic, dependencies=[EDITOR])
def update_diagnostic(
    diagnostic_id: Id, changes: schemas.DiagnosticUpdate, db: DbSession, expected: NeedsIfMatch
) -> Row[Any]:
    """Change the fields that are given. Staff and Admin."""
    crud.update(db, diagnostic_id=diagnostic_id, expected=expected, **changes.given())
    return crud.get(db, diagnostic_id=diagnostic_id)


@router.delete("/{diagnostic_id}/", status_code=204, dependencies=[EDITOR])
def delete_diagnostic(diagnostic_id: Id, db: DbSession, expected: IfMatch) -> None:
    """With photo and locations. 409 when there are bookings. Staff and Admin."""
    helpers.delete(db, diagnostic_id=diagnostic_id, expected=expected)


@router.post("/{diagnostic_id}/photo/", response_model=PhotoAccepted, status_code=202)
def upload_diagnostic_photo(diagnostic_id: Id, file: Photo, db: DbSession, editor: Editor) -> dict[str, Any]:
    """A picture, as the part `file`: JPEG, PNG, WebP or GIF, up to 10 MiB. The job makes it square, in two sizes. Staff
    and Admin."""
    row = PHOTOS.replace(db, row_id=diagnostic_id, owner_id=editor.user_id, file=file)
    return {"job_id": row.photo_job_id}


@router.delete("/{diagnostic_id}/photo/", status_code=204, dependencies=[EDITOR])
def delete_diagnostic_photo(diagnostic_id: Id, db: DbSession) -> None:
    """Take the picture away. Staff and Admin."""
    PHOTOS.remove(db, row_id=diagnostic_id)


@router.get("/{diagnostic_id}/locations/", response_model=list[schemas.DiagnosticPlace])
def list_diagnostic_locations(diagnostic_id: Id, db: DbSession, hidden: Hidden) -> Sequence[Any]:
    """The locations that offer it. Public."""
    crud.get(db, diagnostic_id=diagnostic_id, hidden=hidden)
    return crud.locations(db, diagnostic_id=diagnostic_id, hidden=hidden)


@router.put("/{diagnostic_id}/locations/{location_id}/", response_model=schemas.DiagnosticPlace, dependencies=[EDITOR])
def put_diagnostic_location(diagnostic_id: Id, location_id: Id, place: schemas.CapacityPut, db: DbSession) -> Any:
    """Offer it there, to so many patients at a time. 409 when more are booked at a time. Staff and Admin."""
    return capacity.put(db, diagnostic_id=diagnostic_id, location_id=location_id, capacity=place.capacity)


@router.delete("/{diagnostic_id}/locations/{location_id}/", status_code=204, dependencies=[EDITOR])
def delete_diagnostic_location(diagnostic_id: Id, location_id: Id, db: DbSession) -> None:
    """Offer it there no longer. 409 when there have been bookings. Staff and Admin."""
    capacity.remove(db, diagnostic_id=diagnostic_id, location_id=location_id)
