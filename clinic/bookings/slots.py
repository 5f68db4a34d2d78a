"""Which times can be booked: computed from hours, exceptions, and what is booked, never stored.

A slot begins at the beginning of a working interval and every `interval` after it, in real time, so also across a clock
change; it lies within its interval, and belongs to the local day it begins on.
"""

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clinic.locations.calendar import DAY, Calendar, Interval, calendar, common

MAX_DAYS = 62
"""That a request asks for."""


class Slot(NamedTuple):
    start: int
    """Unix seconds, as `end`."""
    end: int
    starts_at: dt.datetime
    """With the offset of the location's time zone, as `ends_at`."""
    ends_at: dt.datetime


@dataclass(frozen=True, eq=False)
class Grid:
    """All slots there would be, if nothing were booked. `grid` makes one of the same things only once."""

    own: Calendar
    """Of the doctor, or the location."""
    house: Calendar | None
    """Of the location, where `own` is a doctor's."""
    duration_s: int
    interval_s: int

    def intervals(self, day: dt.date) -> list[Interval]:
        """The working intervals that open on that day."""
        own = self.own.of(day)
        if self.house is None or not own:
            return own
        return common(own, [one for near in (day - DAY, day, day + DAY) for one in self.house.of(near)])

    def on(self, day: dt.date) -> tuple[Slot, ...]:
        """The slots that begin on that day, in order."""
        return _on(self, day)


@functools.lru_cache(maxsize=1024)
def grid(
    zone: str, own: tuple[str, str], house: tuple[str, str] | None, duration_minutes: int, interval_minutes: int
) -> Grid:
    """`own`, `house`: hours and exceptions as JSON text."""
    return Grid(
        calendar(zone, *own), calendar(zone, *house) if house else None, duration_minutes * 60, interval_minutes * 60
    )


@functools.lru_cache(maxsize=2048)  # of 16 to 90 kB each, the latter for slots every five minutes
def _on(made: Grid, day: dt.date) -> tuple[Slot, ...]:
    found: dict[int, Slot] = {}
    for opened in (day - DAY, day):
        for interval in made.intervals(opened):
            for start in range(interval.start, interval.end - made.duration_s + 1, made.interval_s):
                slot = Slot(start, start + made.duration_s, _local(start, made), _local(start + made.duration_s, made))
                if slot.starts_at.date() == day:
                    found[start] = slot
    return tuple(slot for _, slot in sorted(found.items()))


def _local(moment: int, made: Grid) -> dt.datetime:
    """With a fixed offset: ten times as fast to write as one of the database of zones."""
    local = dt.datetime.fromtimestamp(moment, made.own.zone)
    return local.replace(tzinfo=dt.timezone(local.utcoffset() or dt.timedelta()))


def free(
    slots: Sequence[Slot], busy: Sequence[Sequence[Interval]], *, buffer_s: int, earliest: int
) -> Iterator[tuple[Slot, int]]:
    """Those of `slots` (in order) that begin at `earliest` or later, with the number of stations that are free for them
    and for the buffer behind them.

    `busy`: of each station, when it is taken, in order and apart from each other.
    """
    behind = [0] * len(busy)
    for slot in slots:
        if slot.start < earliest:
            continue
        end, count = slot.end + buffer_s, 0
        for station, taken in enumerate(busy):
            at = behind[station]
            while at < len(taken) and taken[at].end <= slot.start:
                at += 1
            behind[station] = at
            if at == len(taken) or taken[at].start >= end:
                count += 1
        if count:
            yield slot, count
