"""Where the health centre is, and when it is open."""

from fastapi import Response

from clinic.locations import crud
from clinic.locations.models import Location
from clinic.v1.dependencies import EDITOR, Hidden
from clinic.v1.locations import schemas
from conf.db.dependencies import DbSession
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from conf.http.schemas import Id

router = Router("/api/v1", tags=["clinic: locations"])


@router.get("/locations/", response_model=Page[schemas.Location])
def list_locations(db: DbSession, hidden: Hidden, paging: Paging) -> Slice[Location]:
    """In the order they were made; those that are not active for staff and Admin. Public."""
    rows = crud.page(db, after_id=paging.last_id, limit=paging.fetch, hidden=hidden)
    return paging.page(rows)


@router.post("/locations/", response_model=schemas.Location, status_code=201, dependencies=[EDITOR])
def create_location(location: schemas.LocationCreate, db: DbSession, response: Response) -> Location:
    """A location, closed until it has hours. Staff and Admin."""
    created = crud.create(db, **location.model_dump())
    response.headers["Location"] = f"/api/v1/locations/{created.id}/"
    return created


@router.get("/locations/{location_id}/", response_model=schemas.Location)
def get_location(location_id: Id, db: DbSession, hidden: Hidden) -> Location:
    """One location. Public."""
    return crud.get(db, location_id=location_id, hidden=hidden)


@router.patch("/locations/{location_id}/", response_model=schemas.Location, dependencies=[EDITOR])
def update_location(
    location_id: Id, changes: schemas.LocationUpdate, db: DbSession, expected: NeedsIfMatch
) -> Location:
    """Change the fields that are given. Staff and Admin."""
    return crud.update(db, location_id=location_id, expected=expected, **changes.given())


@router.delete("/locations/{location_id}/", status_code=204, dependencies=[EDITOR])
def delete_location(location_id: Id, db: DbSession, expected: IfMatch) -> None:
    """409 while doctors, diagnostics or bookings are there. Staff and Admin."""
    crud.delete(db, location_id=location_id, expected=expected)


@router.get("/working-hours/{location_id}/", response_model=schemas.WorkingHours)
def get_working_hours(location_id: Id, db: DbSession, hidden: Hidden) -> Location:
    """When a location is open: every week, and the days that are otherwise. Public."""
    return crud.get(db, location_id=location_id, hidden=hidden)


@router.put("/working-hours/{location_id}/", response_model=schemas.WorkingHours, dependencies=[EDITOR])
def put_working_hours(location_id: Id, schedule: schemas.Schedule, db: DbSession, expected: NeedsIfMatch) -> Location:
    """All hours and exceptions anew. Bookings that were made stay. Staff and Admin."""
    return crud.update(db, location_id=location_id, expected=expected, **schedule.model_dump(mode="json"))
