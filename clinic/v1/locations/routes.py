"""Where the health centre is, and when it is open."""

from typing import Annotated

from fastapi import Depends, Request, Response

from clinic.locations import crud
from clinic.v1.locations import schemas
from conf.db.dependencies import DbSession
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Cursor, Limit, Page, key_of, page
from conf.http.route import Router
from conf.http.schemas import Id
from iam.dependencies import Viewer, requires

router = Router("/api/v1", tags=["clinic: locations"])

EDITOR = requires("clinic:write")


def sees_hidden(viewer: Viewer) -> bool:
    return viewer is not None and viewer.may("clinic:write")


Hidden = Annotated[bool, Depends(sees_hidden)]
"""Whether who asks also gets what is not active."""


@router.get("/locations/")
def list_locations(
    db: DbSession, request: Request, response: Response, hidden: Hidden, cursor: Cursor = None, limit: Limit = 20
) -> Page[schemas.Location]:
    """In the order they were made; those that are not active for staff and Admin. Public."""
    rows = crud.page(db, after_id=key_of(cursor), limit=limit + 1, hidden=hidden)
    return page(rows, limit=limit, request=request, response=response)


@router.post("/locations/", status_code=201, dependencies=[EDITOR])
def create_location(location: schemas.LocationCreate, db: DbSession, response: Response) -> schemas.Location:
    """A location, closed until it has hours. Staff and Admin."""
    created = crud.create(db, **location.model_dump())
    response.headers["Location"] = f"/api/v1/locations/{created.id}/"
    return created


@router.get("/locations/{location_id}/")
def get_location(location_id: Id, db: DbSession, hidden: Hidden) -> schemas.Location:
    """One location. Public."""
    return crud.get(db, location_id=location_id, hidden=hidden)


@router.patch("/locations/{location_id}/", dependencies=[EDITOR])
def update_location(
    location_id: Id, changes: schemas.LocationUpdate, db: DbSession, expected: NeedsIfMatch
) -> schemas.Location:
    """Change the fields that are given. Staff and Admin."""
    return crud.update(db, location_id=location_id, expected=expected, **changes.given())


@router.delete("/locations/{location_id}/", status_code=204, dependencies=[EDITOR])
def delete_location(location_id: Id, db: DbSession, expected: IfMatch) -> None:
    """409 while doctors, diagnostics or bookings are there. Staff and Admin."""
    crud.delete(db, location_id=location_id, expected=expected)


@router.get("/working-hours/{location_id}/")
def get_working_hours(location_id: Id, db: DbSession, hidden: Hidden) -> schemas.WorkingHours:
    """When a location is open: every week, and the days that are otherwise. Public."""
    return crud.get(db, location_id=location_id, hidden=hidden)


@router.put("/working-hours/{location_id}/", dependencies=[EDITOR])
def put_working_hours(
    location_id: Id, schedule: schemas.Schedule, db: DbSession, expected: NeedsIfMatch
) -> schemas.WorkingHours:
    """All hours and exceptions anew. Bookings that were made stay. Staff and Admin."""
    return crud.update(db, location_id=location_id, expected=expected, **schedule.model_dump(mode="json"))
