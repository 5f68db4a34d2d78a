"""Slots: computed from working hours, exceptions and bookings, never stored.

Slots start at the start of a working interval and then every `interval_minutes` of elapsed time, also across a clock
change. A slot lies within one working interval and belongs to the local day on which it starts.
"""

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clinic.locations.calendar import DAY, Calendar, Interval, calendar, intersect

MAX_DAYS = 62
"""The maximum number of days per request."""


class Slot(NamedTuple):
    start: int
    """Unix seconds, like `end`."""
    end: int
    starts_at: dt.datetime
    """With the UTC offset of the location's time zone, like `ends_at`."""
    ends_at: dt.datetime


@dataclass(frozen=True, eq=False)
class Grid:
    """All slots of a schedule, whether booked or not.

    Create it with `grid`, which returns the same object for the same arguments, because its identity is a cache key.
    """

    own: Calendar
    """The working hours: those of the doctor, or for a diagnostic those of the location."""
    location: Calendar | None
    """The opening hours of the location, if `own` is a doctor's."""
    duration_s: int
    interval_s: int

    def intervals(self, day: dt.date) -> list[Interval]:
        """Return the working intervals that start on that day."""
        own = self.own.of(day)
        if self.location is None or not own:
            return own
        return intersect(own, [one for near in (day - DAY, day, day + DAY) for one in self.location.of(near)])

    def on(self, day: dt.date) -> tuple[Slot, ...]:
        """Return the slots that start on that day, in order."""
        return _slots_on(self, day)


@functools.lru_cache(maxsize=1024)
def grid(
    zone: str, own: tuple[str, str], location: tuple[str, str] | None, duration_minutes: int, interval_minutes: int
) -> Grid:
    """Return the cached grid. `own`, `location`: hours and exceptions as JSON text."""
    location_calendar = calendar(zone, *location) if location else None
    return Grid(calendar(zone, *own), location_calendar, duration_minutes * 60, interval_minutes * 60)


@functools.lru_cache(maxsize=2048)  # 16 to 90 kB per entry; 90 kB with a slot every five minutes
def _slots_on(schedule: Grid, day: dt.date) -> tuple[Slot, ...]:
    found: dict[int, Slot] = {}
    for opened in (day - DAY, day):
        for interval in schedule.intervals(opened):
            for start in range(interval.start, interval.end - schedule.duration_s + 1, schedule.interval_s):
                end = start + schedule.duration_s
                slot = Slot(start, end, _local(start, schedule), _local(end, schedule))
                if slot.starts_at.date() == day:
                    found[start] = slot
    return tuple(slot for _, slot in sorted(found.items()))


def _local(moment: int, schedule: Grid) -> dt.datetime:
    """Return the local time with a fixed UTC offset. It is formatted ten times as fast as one with a `ZoneInfo`."""
    local = dt.datetime.fromtimestamp(moment, schedule.own.zone)
    return local.replace(tzinfo=dt.timezone(local.utcoffset() or dt.timedelta()))


def free(
    slots: Sequence[Slot], busy: Sequence[Sequence[Interval]], *, buffer_s: int, earliest: int
) -> Iterator[tuple[Slot, int]]:
    """Yield the free slots that start at `earliest` or later, each with its number of free stations.

    A station is free if no busy interval overlaps the slot or the buffer after it. `slots`: in order. `busy`: the busy
    intervals of each station, in order and without overlaps.
    """
    positions = [0] * len(busy)
    for slot in slots:
        if slot.start < earliest:
            continue
        end, count = slot.end + buffer_s, 0
        for station, taken in enumerate(busy):
            position = positions[station]
            while position < len(taken) and taken[position].end <= slot.start:
                position += 1
            positions[station] = position
            if position == len(taken) or taken[position].start >= end:
                count += 1
        if count:
            yield slot, count
