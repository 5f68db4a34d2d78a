"""Queries on `locations`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from clinic.locations.models import Location
from conf.db import rows
from conf.db.reads import Read
from conf.errors import Conflict, NotFound
from conf.values import Expected

IN_USE = dict.fromkeys(
    ("fk_doctor_locations_location_id", "fk_diagnostic_locations_location_id", "fk_bookings_location_id"),
    partial(Conflict, "The location has doctors, diagnostics or bookings. Set is_active to false to hide it instead."),
)


_locations = Location.__table__.c
_ONE = Read(select(*_locations).where(_locations.id == bindparam("location_id")))
_PAGE = Read(
    select(*_locations).order_by(_locations.id).limit(bindparam("limit")),
    after_id=_locations.id > bindparam("after_id"),
    active=_locations.is_active,
)


def get(db: Session, *, location_id: int, include_inactive: bool = True) -> Row[Any]:
    """Return the location. Raises: NotFound, also if it is inactive, unless `include_inactive`."""
    location: Row[Any] = _ONE.get(db, "location", location_id, location_id=location_id)
    if not (location.is_active or include_inactive):
        raise NotFound("location", location_id)
    return location


def page(db: Session, *, after_id: int | None, limit: int, include_inactive: bool) -> Sequence[Row[Any]]:
    """Return a page of locations in order of creation. Include inactive ones if `include_inactive`."""
    return _PAGE.all(db, after_id=after_id, limit=limit, active=not include_inactive)


def create(db: Session, **values: Any) -> Location:
    return rows.save(db, Location(**values))


def update(db: Session, *, location_id: int, expected: Expected, **values: Any) -> Location:
    """Set the named columns. Raises: NotFound; VersionMismatch."""
    return rows.save(db, rows.lock(db, Location, location_id, expected=expected), **values)


def delete(db: Session, *, location_id: int, expected: Expected) -> None:
    """Delete the location. Raises: NotFound; VersionMismatch; Conflict, if it has doctors, diagnostics or bookings."""
    rows.delete(db, rows.lock(db, Location, location_id, expected=expected), IN_USE)
