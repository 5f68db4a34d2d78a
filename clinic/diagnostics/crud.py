"""Queries on `diagnostics`, `diagnostic_locations` and `stations`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from clinic.diagnostics.models import Diagnostic, DiagnosticLocation, Station
from clinic.locations.models import Location
from conf.db import rows
from conf.db.reads import Read
from conf.errors import Conflict, NotFound
from conf.values import Expected

HAS_BOOKINGS = dict.fromkeys(
    ("fk_bookings_diagnostic_id", "fk_bookings_station_id"),
    partial(Conflict, "The diagnostic has bookings. Set is_active to false to hide it instead."),
)
BOOKED_AT_LOCATION = {
    "fk_bookings_station_id": partial(
        Conflict, "The diagnostic has bookings at this location. Set the capacity to 0 to stop new bookings instead."
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
_diagnostics = Diagnostic.__table__.c
_SHOWN: Select[Any] = select(*_diagnostics, _LOCATIONS)
_ONE = Read(_SHOWN.where(_diagnostics.id == bindparam("diagnostic_id")))
_PAGE = Read(
    _SHOWN.order_by(_diagnostics.id).limit(bindparam("limit")),
    after_id=_diagnostics.id > bindparam("after_id"),
    active=_diagnostics.is_active,
    location_id=_diagnostics.id.in_(
        select(DiagnosticLocation.diagnostic_id).where(DiagnosticLocation.location_id == bindparam("location_id"))
    ),
)


def get(db: Session, *, diagnostic_id: int, include_inactive: bool = True) -> Row[Any]:
    """Return the columns and `locations_count`. Raises: NotFound, also if it is inactive, unless `include_inactive`."""
    row: Row[Any] = _ONE.get(db, "diagnostic", diagnostic_id, diagnostic_id=diagnostic_id)
    if not (row.is_active or include_inactive):
        raise NotFound("diagnostic", diagnostic_id)
    return row


def page(
    db: Session, *, after_id: int | None, limit: int, include_inactive: bool = False, location_id: int | None = None
) -> Sequence[Row[Any]]:
    """Return a page of diagnostics as `get` does, in order of creation. Include inactive ones if `include_inactive`."""
    return _PAGE.all(db, after_id=after_id, limit=limit, active=not include_inactive, location_id=location_id)


def create(db: Session, **values: Any) -> Diagnostic:
    return rows.save(db, Diagnostic(**values))


def update(db: Session, *, diagnostic_id: int, expected: Expected, **values: Any) -> None:
    """Set the named columns. Raises: NotFound; VersionMismatch."""
    rows.save(db, rows.lock(db, Diagnostic, diagnostic_id, expected=expected), **values)


def remove(db: Session, *, diagnostic_id: int, expected: Expected) -> None:
    """Delete the diagnostic. Raises: NotFound; VersionMismatch; Conflict, if there are bookings."""
    offered = select(DiagnosticLocation.id).where(DiagnosticLocation.diagnostic_id == diagnostic_id)
    # A booking locks the location of the diagnostic first, then the diagnostic.
    db.execute(offered.order_by(DiagnosticLocation.id).with_for_update()).all()
    rows.delete(db, rows.lock(db, Diagnostic, diagnostic_id, expected=expected), HAS_BOOKINGS)


_capacity = (
    select(func.count())
    .where(Station.diagnostic_location_id == DiagnosticLocation.id, Station.in_use)
    .scalar_subquery()
    .label("capacity")
)


_PLACES = Read(
    select(*Location.__table__.c, _capacity)
    .join(DiagnosticLocation, DiagnosticLocation.location_id == Location.id)
    .where(DiagnosticLocation.diagnostic_id == bindparam("diagnostic_id"))
    .order_by(Location.id),
    active=Location.is_active,
)


def locations(db: Session, *, diagnostic_id: int, include_inactive: bool = False) -> Sequence[Any]:
    """Return the columns and the `capacity` of each location that offers it, also of inactive ones if
    `include_inactive`."""
    return _PLACES.all(db, diagnostic_id=diagnostic_id, active=not include_inactive)


def lock_location(db: Session, *, diagnostic_id: int, location_id: int) -> DiagnosticLocation:
    """Return the diagnostic's row for the location, locked until the transaction ends. Raises: NotFound."""
    where = DiagnosticLocation.diagnostic_id == diagnostic_id, DiagnosticLocation.location_id == location_id
    offered = db.scalars(select(DiagnosticLocation).where(*where).with_for_update()).one_or_none()
    if offered is None:
        raise NotFound(f"diagnostic {diagnostic_id} at location", location_id)
    return offered


def add_location(db: Session, *, diagnostic_id: int, location_id: int) -> DiagnosticLocation:
    """Offer the diagnostic at the location, if it is not offered yet. Return the row, locked. Raises: NotFound."""
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
    """Return the stations, in order of their numbers."""
    query = select(Station).where(Station.diagnostic_location_id == diagnostic_location_id).order_by(Station.number)
    return db.scalars(query).all()


def add_stations(db: Session, *, diagnostic_location_id: int, numbers: range) -> None:
    db.add_all(Station(diagnostic_location_id=diagnostic_location_id, number=number) for number in numbers)
    db.flush()


def remove_location(db: Session, *, diagnostic_location: DiagnosticLocation) -> None:
    """Delete the row with its stations. Raises: Conflict, if a station has bookings."""
    rows.delete(db, diagnostic_location, BOOKED_AT_LOCATION)
