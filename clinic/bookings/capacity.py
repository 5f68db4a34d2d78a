"""How many patients a location takes at a time for a diagnostic."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from clinic.bookings import crud, targets, waiting
from clinic.bookings.targets import Overlap
from clinic.diagnostics import crud as diagnostics
from conf.db import rows
from conf.errors import Conflict


def put(db: Session, *, diagnostic_id: int, location_id: int, capacity: int) -> Any:
    """Offer the diagnostic there with that capacity; as `diagnostics.locations` shows it. Bookings at stations that go
    out of use are given others at the same time. NotFound; Conflict when there is none for one of them."""
    diagnostics.get(db, diagnostic_id=diagnostic_id)
    there = diagnostics.add_location(db, diagnostic_id=diagnostic_id, location_id=location_id)
    stations = diagnostics.stations(db, diagnostic_location_id=there.id)
    waiting.end_expired_holds(db, stations=[station.id for station in stations])
    kept = [station for station in stations if station.number <= capacity]
    gone = [station for station in stations if station.number > capacity]
    _reassign_stations(db, of=[station.id for station in gone], at=[station.id for station in kept])
    for station in stations:
        station.in_use = station in kept
    diagnostics.add_stations(db, diagnostic_location_id=there.id, numbers=range(len(stations) + 1, capacity + 1))
    found = diagnostics.locations(db, diagnostic_id=diagnostic_id, hidden=True)
    return next(row for row in found if row.id == location_id)


def _reassign_stations(db: Session, *, of: Sequence[int], at: Sequence[int]) -> None:
    """Move what is still to come `of` some stations to others, each to the first that is free. Conflict."""
    moving = crud.upcoming_at(db, stations=of)
    if not moving:
        return
    patient_keys = [booking.patient_key for booking in moving if booking.patient_key is not None]
    if not crud.try_lock_patients(db, patient_keys=patient_keys):
        raise Conflict("One of the patients is booking right now. Try again.")
    end = max(booking.occupied_until for booking in moving)
    taken = targets.busy_stations(db, stations=at, start=moving[0].starts_at, end=end)
    try:
        for booking in moving:
            targets.assign_station(booking, taken)
        rows.flush(db, crud.VIOLATIONS)
    except Overlap:
        raise Conflict("There is no room left for one of the bookings. Move some first.", field="capacity") from None


def remove(db: Session, *, diagnostic_id: int, location_id: int) -> None:
    """Offer it there no longer. NotFound; Conflict when there are bookings."""
    there = diagnostics.lock_location(db, diagnostic_id=diagnostic_id, location_id=location_id)
    diagnostics.remove_location(db, there=there)
