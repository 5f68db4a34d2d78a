"""Queries on `locations`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from clinic.locations.models import Location
from conf.errors import Conflict, NotFound
from conf.values import Expected


def get(db: Session, *, location_id: int, hidden: bool = True) -> Location:
    """The location, also one that is not active if `hidden`; or NotFound."""
    location = db.get(Location, location_id)
    if location is None or not (location.is_active or hidden):
        raise NotFound("location", location_id)
    return location


def page(db: Session, *, after_id: int | None, limit: int, hidden: bool) -> Sequence[Location]:
    """In the order they were made."""
    query = select(Location).where(Location.id > (after_id or 0)).order_by(Location.id).limit(limit)
    if not hidden:
        query = query.where(Location.is_active)
    return db.scalars(query).all()


def create(db: Session, **values: Any) -> Location:
    location = Location(**values)
    db.add(location)
    db.flush()
    return location


def lock(db: Session, *, location_id: int, expected: Expected) -> Location:
    """The location, locked until the transaction ends. NotFound; Changed."""
    location = db.get(Location, location_id, with_for_update=True, populate_existing=True)
    if location is None:
        raise NotFound("location", location_id)
    expected.check(location.updated_at)
    return location


def update(db: Session, *, location_id: int, expected: Expected, **values: Any) -> Location:
    """Set the named columns. NotFound; Changed."""
    location = lock(db, location_id=location_id, expected=expected)
    for name, value in values.items():
        setattr(location, name, value)
    db.flush()
    return location


def delete(db: Session, *, location_id: int, expected: Expected) -> None:
    """NotFound; Changed; Conflict while anything is there."""
    db.delete(lock(db, location_id=location_id, expected=expected))
    try:
        db.flush()
    except IntegrityError:
        raise Conflict(
            "Doctors, diagnostics or bookings are there. Set is_active to false to take it off the lists."
        ) from None
