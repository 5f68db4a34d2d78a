"""How many patients a location takes at a time for a diagnostic."""

from typing import Any

from sqlalchemy.orm import Session

from clinic.bookings import crud
from clinic.bookings.crud import Twice
from clinic.diagnostics import crud as diagnostics
from conf.errors import Conflict


def put(db: Session, *, diagnostic_id: int, location_id: int, capacity: int) -> Any:
    """Offer the diagnostic there with that capacity; as `diagnostics.locations` shows it. Bookings at stations that go
    out of use are given others at the same time. NotFound; Conflict when there is none for one of them."""
    diagnostics.get(db, diagnostic_id=diagnostic_id)
    there = diagnostics.add_location(db, diagnostic_id=diagnostic_id, location_id=location_id)
    stations = diagnostics.stations(db, diagnostic_location_id=there.id)
    for station in stations:
        station.in_use = station.number <= capacity
    diagnostics.add_stations(db, diagnostic_location_id=there.id, numbers=range(len(stations) + 1, capacity + 1))
    kept = [station.id for station in stations if station.in_use]
    gone = [station.id for station in stations if not station.in_use]
    for booking in crud.upcoming_at(db, stations=gone):
        if booking.patient_key is not None and not crud.try_lock_patient(db, patient_key=booking.patient_key):
            raise Conflict("One of the patients is booking right now. Try again.")
        try:
            crud.seat(db, booking, stations=kept)
            db.flush()
        except Twice:
            raise Conflict("More patients than that are booked at a time. Move some first.", field="capacity") from None
    (shown,) = [
        row for row in diagnostics.locations(db, diagnostic_id=diagnostic_id, hidden=True) if row.id == location_id
    ]
    return shown


def remove(db: Session, *, diagnostic_id: int, location_id: int) -> None:
    """Offer it there no longer. NotFound; Conflict when there are bookings."""
    there = diagnostics.lock_location(db, diagnostic_id=diagnostic_id, location_id=location_id)
    diagnostics.remove_location(db, there=there)
