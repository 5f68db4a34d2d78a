"""Diagnostics, such as an X-ray, and the locations that offer them, each with a capacity."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy import Row

from clinic.bookings import capacity
from clinic.diagnostics import crud, helpers
from clinic.diagnostics.photos import PHOTOS
from clinic.v1.bookable.schemas import PhotoAccepted
from clinic.v1.dependencies import EDITOR, Editor, IncludeInactive, Photo
from clinic.v1.diagnostics import schemas
from conf.db.dependencies import DbSession
from conf.http.bodies import KIB
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from conf.http.schemas import Id
from conf.values import MAX_ID

router = Router("/api/v1/diagnostics", tags=["clinic: diagnostics"])

LocationFilter = Annotated[
    int | None, Query(ge=1, le=MAX_ID, description="Only diagnostics that this location offers.")
]


@router.get("/", response_model=Page[schemas.Diagnostic])
def list_diagnostics(
    db: DbSession,
    include_inactive: IncludeInactive,
    paging: Paging,
    location_id: LocationFilter = None,
) -> Slice[Row[Any]]:
    """List the active diagnostics, oldest first. Staff and admins also see inactive ones. Public."""
    rows = crud.page(
        db, after_id=paging.last_id, limit=paging.fetch, include_inactive=include_inactive, location_id=location_id
    )
    return paging.page(rows)


@router.post("/", response_model=schemas.Diagnostic, status_code=201, dependencies=[EDITOR], max_body_size=256 * KIB)
def create_diagnostic(diagnostic: schemas.DiagnosticCreate, db: DbSession, response: Response) -> Row[Any]:
    """Create a diagnostic. It cannot be booked until a location offers it: use
    `PUT /diagnostics/{diagnostic_id}/locations/{location_id}/`. Requires: staff or admin."""
    created = crud.create(db, **diagnostic.model_dump())
    response.headers["Location"] = f"/api/v1/diagnostics/{created.id}/"
    return crud.get(db, diagnostic_id=created.id)


@router.get("/{diagnostic_id}/", response_model=schemas.Diagnostic)
def get_diagnostic(diagnostic_id: Id, db: DbSession, include_inactive: IncludeInactive) -> Row[Any]:
    """Return a diagnostic. Returns 404 for an inactive diagnostic, except to staff and admins. Public."""
    return crud.get(db, diagnostic_id=diagnostic_id, include_inactive=include_inactive)


@router.patch("/{diagnostic_id}/", response_model=schemas.Diagnostic, dependencies=[EDITOR], max_body_size=256 * KIB)
def update_diagnostic(
    diagnostic_id: Id, changes: schemas.DiagnosticUpdate, db: DbSession, expected: NeedsIfMatch
) -> Row[Any]:
    """Change the given fields of a diagnostic. Existing bookings do not change. Requires: staff or admin."""
    crud.update(db, diagnostic_id=diagnostic_id, expected=expected, **changes.given())
    return crud.get(db, diagnostic_id=diagnostic_id)


@router.delete("/{diagnostic_id}/", status_code=204, dependencies=[EDITOR])
def delete_diagnostic(diagnostic_id: Id, db: DbSession, expected: IfMatch) -> None:
    """Delete a diagnostic with its photo, its locations and its waiting list. Returns 409 if it has bookings, also past
    ones; set `is_active` to false instead. Requires: staff or admin."""
    helpers.delete(db, diagnostic_id=diagnostic_id, expected=expected)


@router.post("/{diagnostic_id}/photo/", response_model=PhotoAccepted, status_code=202)
def upload_diagnostic_photo(diagnostic_id: Id, file: Photo, db: DbSession, editor: Editor) -> dict[str, Any]:
    """Upload a photo of a diagnostic: the part `file` with a JPEG, PNG, WebP or GIF picture of at most 10 MiB.

    Returns 202 with the job that crops the picture to a square and makes the two sizes. The previous photo stays until
    the job has succeeded. Requires: staff or admin."""
    row = PHOTOS.replace(db, row_id=diagnostic_id, owner_id=editor.user_id, file=file)
    return {"job_id": row.photo_job_id}


@router.delete("/{diagnostic_id}/photo/", status_code=204, dependencies=[EDITOR])
def delete_diagnostic_photo(diagnostic_id: Id, db: DbSession) -> None:
    """Delete the photo of a diagnostic. Requires: staff or admin."""
    PHOTOS.remove(db, row_id=diagnostic_id)


@router.get("/{diagnostic_id}/locations/", response_model=list[schemas.DiagnosticPlace])
def list_diagnostic_locations(diagnostic_id: Id, db: DbSession, include_inactive: IncludeInactive) -> Sequence[Any]:
    """List the active locations that offer a diagnostic, with its capacity there, by ascending ID. Staff and admins
    also see inactive locations. Public."""
    crud.get(db, diagnostic_id=diagnostic_id, include_inactive=include_inactive)
    return crud.locations(db, diagnostic_id=diagnostic_id, include_inactive=include_inactive)


@router.put("/{diagnostic_id}/locations/{location_id}/", response_model=schemas.DiagnosticPlace, dependencies=[EDITOR])
def put_diagnostic_location(diagnostic_id: Id, location_id: Id, place: schemas.CapacityPut, db: DbSession) -> Any:
    """Offer the diagnostic at this location, or change its capacity there.

    `capacity` is the number of patients at the same time. If it decreases, bookings move from the removed stations to
    remaining ones and keep their times. Returns 409 if more bookings overlap than the new capacity allows. Also returns
    409 if a patient of a booking to move is booking at the same moment; then try again. Requires: staff or admin."""
    return capacity.put(db, diagnostic_id=diagnostic_id, location_id=location_id, capacity=place.capacity)


@router.delete("/{diagnostic_id}/locations/{location_id}/", status_code=204, dependencies=[EDITOR])
def delete_diagnostic_location(diagnostic_id: Id, location_id: Id, db: DbSession) -> None:
    """Stop offering a diagnostic at a location. Returns 409 if it has bookings there, also past ones; set the capacity
    to 0 instead. Requires: staff or admin."""
    capacity.remove(db, diagnostic_id=diagnostic_id, location_id=location_id)
