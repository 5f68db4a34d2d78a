"""Availability: the slots that can be booked now."""

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from clinic.bookings import targets
from clinic.bookings.models import Booking
from clinic.bookings.slots import MAX_DAYS, Slot, free
from clinic.bookings.targets import Target
from clinic.locations.calendar import DAY
from conf.errors import Invalid, NotFound

NEXT_SLOTS_COUNT = 3
"""How many free slots an error contains, if the requested slot is taken."""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def requested_target(db: Session, *, doctor_id: int | None, diagnostic_id: int | None, location_id: int) -> Target:
    """Return the target that a request names. Raises: Invalid, with the field, if there is none."""
    try:
        return targets.get(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)
    except NotFound as error:
        field = error.field or ("doctor_id" if doctor_id else "diagnostic_id")
        raise Invalid(error.detail, field=field) from None


def today(target: Target) -> dt.date:
    """Return today's date at the target's location."""
    return now().astimezone(target.grid.own.zone).date()


def target_of(row: Booking | Target) -> dict[str, Any]:
    """Return the ids that identify the target: of the doctor or the diagnostic, and of the location."""
    return {"doctor_id": row.doctor_id, "diagnostic_id": row.diagnostic_id, "location_id": row.location_id}


def columns_of(target: Target, slot: Slot) -> dict[str, Any]:
    """Return the columns of a booking of the slot."""
    return {
        **target_of(target),
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "occupied_until": slot.ends_at + dt.timedelta(seconds=target.buffer_s),
    }


def slot_at(target: Target, starts_at: dt.datetime, *, staff: bool) -> Slot | None:
    """Return the slot that starts then, free or not, or None if it cannot be booked now. Staff need no notice."""
    start = starts_at.timestamp()
    if target.diagnostic_id and not target.stations:
        return None
    if start < now().timestamp() + (0 if staff else target.notice_s):
        return None
    day = starts_at.astimezone(target.grid.own.zone).date()
    if day > today(target) + target.horizon_days * DAY:
        return None
    return next((slot for slot in target.grid.on(day) if slot.start == start), None)


def free_slots(
    db: Session, *, target: Target, first_day: dt.date, last_day: dt.date, patient_key: int | None = None
) -> Iterator[tuple[Slot, int]]:
    """Yield the free slots of these days in order, each with its number of free stations.

    With `patient_key`, without the slots that overlap a booking of that patient.
    """
    current = today(target)
    last_day = min(last_day, current + target.horizon_days * DAY)
    days = range(max(first_day, current).toordinal(), last_day.toordinal() + 1)
    slots = [slot for day in days for slot in target.grid.on(dt.date.fromordinal(day))]
    if not slots:
        return
    span = {"start": slots[0].starts_at, "end": slots[-1].ends_at + dt.timedelta(seconds=target.buffer_s)}
    busy = targets.busy(db, target=target, **span)
    if patient_key is not None:
        mine = targets.busy_patient(db, patient_key=patient_key, **span)
        slots = [slot for slot in slots if not any(one.start < slot.end and slot.start < one.end for one in mine)]
    earliest = int(now().timestamp()) + target.notice_s
    yield from free(slots, busy, buffer_s=target.buffer_s, earliest=earliest)


def as_dicts(found: Iterator[tuple[Slot, int]]) -> list[dict[str, Any]]:
    """Return the slots in the form of the API."""
    return [{"starts_at": slot.starts_at, "ends_at": slot.ends_at, "free": count} for slot, count in found]


def of_days(
    db: Session, *, target: Target, first_day: dt.date | None, last_day: dt.date | None
) -> list[dict[str, Any]]:
    """Return the free slots from one local day to another, both included. Default: seven days from today.

    Raises: Invalid, if the days are in the wrong order or too many.
    """
    first = first_day or today(target)
    last = last_day or first + 6 * DAY
    if last < first:
        raise Invalid("The last day must not be before the first day.", field="to")
    if (last - first).days >= MAX_DAYS:
        raise Invalid(f"Request at most {MAX_DAYS} days at a time.", field="to")
    return as_dicts(free_slots(db, target=target, first_day=first, last_day=last))


def next_free(db: Session, *, target: Target, after: dt.datetime, patient_key: int | None) -> list[dict[str, str]]:
    """Return the next `NEXT_SLOTS_COUNT` free slots from that time on, within `MAX_DAYS` days, as JSON values."""
    first = after.astimezone(target.grid.own.zone).date()
    found = free_slots(db, target=target, first_day=first, last_day=first + MAX_DAYS * DAY, patient_key=patient_key)
    later = (slot for slot in found if slot[0].starts_at >= after)
    return [
        {"starts_at": one["starts_at"].isoformat(), "ends_at": one["ends_at"].isoformat()}
        for one in as_dicts(itertools.islice(later, NEXT_SLOTS_COUNT))
    ]
