"""Locations of the health centre with their opening hours and exceptions."""

from typing import Any

from fastapi import Response
from sqlalchemy import Row

from clinic.locations import crud
from clinic.locations.models import Location
from clinic.v1.dependencies import EDITOR, IncludeInactive
from clinic.v1.locations import schemas
from conf.db.dependencies import DbSession
from conf.http.bodies import KIB
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from conf.http.schemas import Id

router = Router("/api/v1", tags=["clinic: locations"])


@router.get("/locations/", response_model=Page[schemas.Location])
def list_locations(db: DbSession, include_inactive: IncludeInactive, paging: Paging) -> Slice[Row[Any]]:
    """List the active locations, oldest first. Staff and admins also see inactive ones. Public."""
    rows = crud.page(db, after_id=paging.last_id, limit=paging.fetch, include_inactive=include_inactive)
    return paging.page(rows)


@router.post("/locations/", response_model=schemas.Location, status_code=201, dependencies=[EDITOR])
def create_location(location: schemas.LocationCreate, db: DbSession, response: Response) -> Location:
    """Create a location. It is closed until its hours are set with `PUT /working-hours/{location_id}/`. Requires: staff
    or admin."""
    created = crud.create(db, **location.model_dump())
    response.headers["Location"] = f"/api/v1/locations/{created.id}/"
    return created


@router.get("/locations/{location_id}/", response_model=schemas.Location)
def get_location(location_id: Id, db: DbSession, include_inactive: IncludeInactive) -> Row[Any]:
    """Return a location. Returns 404 for an inactive location, except to staff and admins. Public."""
    return crud.get(db, location_id=location_id, include_inactive=include_inactive)


@router.patch("/locations/{location_id}/", response_model=schemas.Location, dependencies=[EDITOR])
def update_location(
    location_id: Id, changes: schemas.LocationUpdate, db: DbSession, expected: NeedsIfMatch
) -> Location:
    """Change the given fields of a location. Requires: staff or admin."""
    return crud.update(db, location_id=location_id, expected=expected, **changes.given())


@router.delete("/locations/{location_id}/", status_code=204, dependencies=[EDITOR])
def delete_location(location_id: Id, db: DbSession, expected: IfMatch) -> None:
    """Delete a location. Returns 409 if a doctor, a diagnostic or a booking refers to it; set `is_active` to false
    instead. Requires: staff or admin."""
    crud.delete(db, location_id=location_id, expected=expected)


@router.get("/working-hours/{location_id}/", response_model=schemas.WorkingHours)
def get_working_hours(location_id: Id, db: DbSession, include_inactive: IncludeInactive) -> Row[Any]:
    """Return the working hours of a location: the weekly hours, and the dates with other hours. Returns 404 for an
    inactive location, except to staff and admins. Public."""
    return crud.get(db, location_id=location_id, include_inactive=include_inactive)


@router.put(
    "/working-hours/{location_id}/",
    response_model=schemas.WorkingHours,
    dependencies=[EDITOR],
    max_body_size=1024 * KIB,
)
def put_working_hours(location_id: Id, schedule: schemas.Schedule, db: DbSession, expected: NeedsIfMatch) -> Location:
    """Replace the weekly hours and the exceptions of a location. Existing bookings do not change. Requires: staff or
    admin."""
    return crud.update(db, location_id=location_id, expected=expected, **schedule.model_dump(mode="json"))
