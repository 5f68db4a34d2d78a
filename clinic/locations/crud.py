"""Queries on `locations`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.locations.models import Location
from conf.db import rows
from conf.errors import Conflict, NotFound
from conf.values import Expected

IN_USE = dict.fromkeys(
    ("fk_doctor_locations_location_id", "fk_diagnostic_locations_location_id", "fk_bookings_location_id"),
    partial(Conflict, "The location has doctors, diagnostics or bookings. Set is_active to false to hide it instead."),
)


def get(db: Session, *, location_id: int, include_inactive: bool = True) -> Location:
    """Return the location. Raises: NotFound, also if it is inactive, unless `include_inactive`."""
    location = rows.get(db, Location, location_id)
    if not (location.is_active or include_inactive):
        raise NotFound("location", location_id)
    return location


def page(db: Session, *, after_id: int | None, limit: int, include_inactive: bool) -> Sequence[Location]:
    """Return a page of locations in order of creation. Include inactive ones if `include_inactive`."""
    query = select(Location).where(Location.id > (after_id or 0)).order_by(Location.id).limit(limit)
    if not include_inactive:
        query = query.where(Location.is_active)
    return db.scalars(query).all()


def create(db: Session, **values: Any) -> Location:
    return rows.save(db, Location(**values))


def update(db: Session, *, location_id: int, expected: Expected, **values: Any) -> Location:
    """Set the named columns. Raises: NotFound; VersionMismatch."""
    return rows.save(db, rows.lock(db, Location, location_id, expected=expected), **values)


def delete(db: Session, *, location_id: int, expected: Expected) -> None:
    """Delete the location. Raises: NotFound; VersionMismatch; Conflict, if it has doctors, diagnostics or bookings."""
    rows.delete(db, rows.lock(db, Location, location_id, expected=expected), IN_USE)
