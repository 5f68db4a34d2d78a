"""Times that can be booked, as of now."""

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
"""Free slots that are told to who came too late."""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def wanted(db: Session, *, doctor_id: int | None, diagnostic_id: int | None, location_id: int) -> Target:
    """What somebody asks for. Invalid, with the field, when there is no such thing."""
    try:
        return targets.get(db, doctor_id=doctor_id, diagnostic_id=diagnostic_id, location_id=location_id)
    except NotFound as error:
        field = error.field or ("doctor_id" if doctor_id else "diagnostic_id")
        raise Invalid(error.detail, field=field) from None


def today(target: Target) -> dt.date:
    """At its location."""
    return now().astimezone(target.grid.own.zone).date()


def target_of(what: Booking | Target) -> dict[str, Any]:
    """Whose time it is, and where."""
    return {"doctor_id": what.doctor_id, "diagnostic_id": what.diagnostic_id, "location_id": what.location_id}


def columns_of(target: Target, slot: Slot) -> dict[str, Any]:
    """Of a booking of that slot."""
    return {
        **target_of(target),
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "occupied_until": slot.ends_at + dt.timedelta(seconds=target.buffer_s),
    }


def slot_at(target: Target, starts_at: dt.datetime, *, staff: bool) -> Slot | None:
    """The slot that begins then, taken or not, if it can be booked now; staff need give no notice."""
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
    """The free slots of these days, in order, each with the number of stations that are free; for a patient those that
    no other booking of theirs is in the way of."""
    here = today(target)
    last_day = min(last_day, here + target.horizon_days * DAY)
    days = range(max(first_day, here).toordinal(), last_day.toordinal() + 1)
    slots = [slot for day in days for slot in target.grid.on(dt.date.fromordinal(day))]
    if not slots:
        return
    taken = {"start": slots[0].starts_at, "end": slots[-1].ends_at + dt.timedelta(seconds=target.buffer_s)}
    busy = targets.busy(db, target=target, **taken)
    if patient_key is not None:
        mine = targets.busy_patient(db, patient_key=patient_key, **taken)
        slots = [slot for slot in slots if not any(one.start < slot.end and slot.start < one.end for one in mine)]
    earliest = int(now().timestamp()) + target.notice_s
    yield from free(slots, busy, buffer_s=target.buffer_s, earliest=earliest)


def shown(found: Iterator[tuple[Slot, int]]) -> list[dict[str, Any]]:
    """As clients see slots."""
    return [{"starts_at": slot.starts_at, "ends_at": slot.ends_at, "free": count} for slot, count in found]


def of_days(
    db: Session, *, target: Target, first_day: dt.date | None, last_day: dt.date | None
) -> list[dict[str, Any]]:
    """The free slots from one local day to another, both included: from today, a week, unless told otherwise. Invalid
    for days in the wrong order, or too many."""
    first = first_day or today(target)
    last = last_day or first + 6 * DAY
    if last < first:
        raise Invalid("This is before the first day.", field="to")
    if (last - first).days >= MAX_DAYS:
        raise Invalid(f"At most {MAX_DAYS} days at a time.", field="to")
    return shown(free_slots(db, target=target, first_day=first, last_day=last))


def next_free(db: Session, *, target: Target, after: dt.datetime, patient_key: int | None) -> list[dict[str, str]]:
    """The next few free slots, within two months, from that time on; as they stand in an answer."""
    first = after.astimezone(target.grid.own.zone).date()
    found = free_slots(db, target=target, first_day=first, last_day=first + MAX_DAYS * DAY, patient_key=patient_key)
    later = (slot for slot in found if slot[0].starts_at >= after)
    return [
        {"starts_at": one["starts_at"].isoformat(), "ends_at": one["ends_at"].isoformat()}
        for one in shown(itertools.islice(later, NEXT_SLOTS_COUNT))
    ]
