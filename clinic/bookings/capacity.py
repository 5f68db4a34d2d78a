"""The capacity of a location for a diagnostic: how many patients can be examined at the same time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from clinic.bookings import crud, targets, waiting
from clinic.bookings.targets import Overlap
from clinic.diagnostics import crud as diagnostics
from conf.db import rows
from conf.errors import Conflict


def put(db: Session, *, diagnostic_id: int, location_id: int, capacity: int) -> Any:
    """Offer the diagnostic at the location with this capacity. Return the location as `diagnostics.locations` does.

    Upcoming bookings at stations that go out of use are assigned to other stations at the same time.

    Raises: NotFound; Conflict, if no station is free for one of these bookings, or if another transaction has locked
    one of their patients.
    """
    diagnostics.get(db, diagnostic_id=diagnostic_id)
    offered = diagnostics.add_location(db, diagnostic_id=diagnostic_id, location_id=location_id)
    stations = diagnostics.stations(db, diagnostic_location_id=offered.id)
    waiting.end_expired_holds(db, stations=[station.id for station in stations])
    kept = [station for station in stations if station.number <= capacity]
    closed = [station for station in stations if station.number > capacity]
    _reassign_stations(db, old=[station.id for station in closed], new=[station.id for station in kept])
    for station in stations:
        station.in_use = station in kept
    diagnostics.add_stations(db, diagnostic_location_id=offered.id, numbers=range(len(stations) + 1, capacity + 1))
    found = diagnostics.locations(db, diagnostic_id=diagnostic_id, include_inactive=True)
    return next(row for row in found if row.id == location_id)


def _reassign_stations(db: Session, *, old: Sequence[int], new: Sequence[int]) -> None:
    """Assign each upcoming booking at the old stations to the first free one of the new stations. Raises: Conflict."""
    moving = crud.upcoming_at(db, stations=old)
    if not moving:
        return
    patient_keys = [booking.patient_key for booking in moving if booking.patient_key is not None]
    if not crud.try_lock_patients(db, patient_keys=patient_keys):
        raise Conflict("Another request is changing a booking of one of these patients. Try again.")
    end = max(booking.occupied_until for booking in moving)
    taken = targets.busy_stations(db, stations=new, start=moving[0].starts_at, end=end)
    try:
        for booking in moving:
            targets.assign_station(booking, taken)
        rows.flush(db, crud.VIOLATIONS)
    except Overlap:
        detail = "The capacity is too small for the upcoming bookings. Reschedule some of them first."
        raise Conflict(detail, field="capacity") from None


def remove(db: Session, *, diagnostic_id: int, location_id: int) -> None:
    """Stop offering the diagnostic at the location. Raises: NotFound; Conflict, if there are bookings."""
    offered = diagnostics.lock_location(db, diagnostic_id=diagnostic_id, location_id=location_id)
    diagnostics.remove_location(db, diagnostic_location=offered)
