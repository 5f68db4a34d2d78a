"""Queries on `diagnostics`, `diagnostic_locations` and `stations`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from clinic.diagnostics.models import Diagnostic, DiagnosticLocation, Station
from clinic.locations.models import Location
from conf.db import rows
from conf.errors import Conflict, NotFound
from conf.values import Expected

BOOKED = dict.fromkeys(
    ("fk_bookings_diagnostic_id", "fk_bookings_station_id"),
    partial(Conflict, "There are bookings of it. Set is_active to false to take it off the lists."),
)
BOOKED_THERE = {
    "fk_bookings_station_id": partial(
        Conflict, "There are bookings of it there. Set the capacity to 0 to offer it no longer."
    )
}
_LOCATIONS = (
    select(func.count())
    .select_from(DiagnosticLocation)
    .join(Location)
    .where(DiagnosticLocation.diagnostic_id == Diagnostic.id, Location.is_active)
    .scalar_subquery()
    .label("locations_count")
)
_SHOWN: Select[Any] = select(*Diagnostic.__table__.c, _LOCATIONS)


def get(db: Session, *, diagnostic_id: int, hidden: bool = True) -> Row[Any]:
    """The columns and `locations_count`, also of one that is not active if `hidden`; or NotFound."""
    row = db.execute(_SHOWN.where(Diagnostic.id == diagnostic_id)).one_or_none()
    if row is None or not (row.is_active or hidden):
        raise NotFound("diagnostic", diagnostic_id)
    return row


def page(
    db: Session, *, after_id: int | None, limit: int, hidden: bool = False, location_id: int | None = None
) -> Sequence[Row[Any]]:
    """In the order they were made, as `get` has them."""
    query = _SHOWN.where(Diagnostic.id > (after_id or 0)).order_by(Diagnostic.id).limit(limit)
    if not hidden:
        query = query.where(Diagnostic.is_active)
    if location_id is not None:
        there = select(DiagnosticLocation.diagnostic_id).where(DiagnosticLocation.location_id == location_id)
        query = query.where(Diagnostic.id.in_(there))
    return db.execute(query).all()


def create(db: Session, **values: Any) -> Diagnostic:
    return rows.save(db, Diagnostic(**values))


def update(db: Session, *, diagnostic_id: int, expected: Expected, **values: Any) -> None:
    """Set the named columns. Raises: NotFound; Changed."""
    rows.save(db, rows.lock(db, Diagnostic, diagnostic_id, expected=expected), **values)


def remove(db: Session, *, diagnostic_id: int, expected: Expected) -> None:
    """Raises: NotFound; Changed; Conflict when there are bookings."""
    here = select(DiagnosticLocation.id).where(DiagnosticLocation.diagnostic_id == diagnostic_id)
    db.execute(here.order_by(DiagnosticLocation.id).with_for_update()).all()  # first, as a booking does
    rows.delete(db, rows.lock(db, Diagnostic, diagnostic_id, expected=expected), BOOKED)


_capacity = (
    select(func.count())
    .where(Station.diagnostic_location_id == DiagnosticLocation.id, Station.in_use)
    .scalar_subquery()
    .label("capacity")
)


def locations(db: Session, *, diagnostic_id: int, hidden: bool = False) -> Sequence[Any]:
    """The columns of each location that offers it, and `capacity`."""
    query = (
        select(*Location.__table__.c, _capacity)
        .join(DiagnosticLocation, DiagnosticLocation.location_id == Location.id)
        .where(DiagnosticLocation.diagnostic_id == diagnostic_id)
        .order_by(Location.id)
    )
    if not hidden:
        query = query.where(Location.is_active)
    return db.execute(query).all()


def lock_location(db: Session, *, diagnostic_id: int, location_id: int) -> DiagnosticLocation:
    """That it is offered there, locked until the transaction ends; or NotFound."""
    where = DiagnosticLocation.diagnostic_id == diagnostic_id, DiagnosticLocation.location_id == location_id
    there = db.scalars(select(DiagnosticLocation).where(*where).with_for_update()).one_or_none()
    if there is None:
        raise NotFound("location of the diagnostic", location_id)
    return there


def add_location(db: Session, *, diagnostic_id: int, location_id: int) -> DiagnosticLocation:
    """Offer it there, if it is not offered yet. Returns the row, locked. Raises: NotFound."""
    kept = select(Diagnostic.id).where(Diagnostic.id == diagnostic_id).with_for_update(read=True, key_share=True)
    if db.scalar(kept) is None:
        raise NotFound("diagnostic", diagnostic_id)
    if (
        db.scalar(select(Location.id).where(Location.id == location_id).with_for_update(read=True, key_share=True))
        is None
    ):
        raise NotFound("location", location_id)
    adding = insert(DiagnosticLocation).values(diagnostic_id=diagnostic_id, location_id=location_id)
    db.execute(adding.on_conflict_do_nothing())
    return lock_location(db, diagnostic_id=diagnostic_id, location_id=location_id)


def stations(db: Session, *, diagnostic_location_id: int) -> Sequence[Station]:
    query = select(Station).where(Station.diagnostic_location_id == diagnostic_location_id).order_by(Station.number)
    return db.scalars(query).all()


def add_stations(db: Session, *, diagnostic_location_id: int, numbers: range) -> None:
    db.add_all(Station(diagnostic_location_id=diagnostic_location_id, number=number) for number in numbers)
    db.flush()


def remove_location(db: Session, *, there: DiagnosticLocation) -> None:
    """Raises: Conflict when there are bookings at one of its stations."""
    rows.delete(db, there, BOOKED_THERE)
