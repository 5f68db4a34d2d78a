"""Working hours as intervals of Unix time: weekly hours and exceptions in a time zone.

Hours are local. A time that a clock change skips has the offset before the change; a time that occurs twice means the
first occurrence (RFC 5545, 3.3.5). An interval that closes at or before its opening time closes on the next day. It
belongs to the day on which it opens.
"""

import datetime as dt
import functools
import json
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

DAY = dt.timedelta(days=1)


class Span(NamedTuple):
    """Weekly hours: local times on a weekday (1 is Monday).

    If `closes` is not later than `opens`, it is on the next day.
    """

    weekday: int
    opens: dt.time
    closes: dt.time


class Interval(NamedTuple):
    """An interval in Unix seconds. The end is not included."""

    start: int
    end: int


def week_minutes(span: Span) -> tuple[int, int]:
    """Return the start and the end, in minutes since the start of the week."""
    begin = (span.weekday - 1) * 24 * 60 + span.opens.hour * 60 + span.opens.minute
    length = (span.closes.hour * 60 + span.closes.minute) - (span.opens.hour * 60 + span.opens.minute)
    return begin, begin + (length if length > 0 else length + 24 * 60)


@dataclass(frozen=True, eq=False)
class Calendar:
    """The working hours of a location or a doctor, in a time zone."""

    zone: zoneinfo.ZoneInfo
    week: Mapping[int, list[tuple[dt.time, dt.time]]]
    exceptions: Mapping[dt.date, list[tuple[dt.time, dt.time]]]

    def of(self, day: dt.date) -> list[Interval]:
        """Return the intervals that open on that day, in order."""
        local = self.exceptions.get(day)
        if local is None:
            local = self.week.get(day.isoweekday(), [])
        found = []
        for opens, closes in local:
            start = self._moment(day, opens)
            end = self._moment(day if closes > opens else day + DAY, closes)
            if start < end:
                found.append(Interval(start, end))
        return sorted(found)

    def _moment(self, day: dt.date, time: dt.time) -> int:
        return int(dt.datetime.combine(day, time, self.zone).timestamp())


@functools.lru_cache(maxsize=1024)
def calendar(zone: str, hours: str, exceptions: str) -> Calendar:
    """Parse the columns of a `Schedule`, given as JSON text. Results are cached."""
    week: dict[int, list[tuple[dt.time, dt.time]]] = {}
    for span in json.loads(hours):
        week.setdefault(span["weekday"], []).append(_times(span))
    days = {
        dt.date.fromisoformat(one["date"]): [_times(span) for span in one["intervals"]]
        for one in json.loads(exceptions)
    }
    return Calendar(zoneinfo.ZoneInfo(zone), week, days)


def _times(span: dict[str, Any]) -> tuple[dt.time, dt.time]:
    return dt.time.fromisoformat(span["opens"]), dt.time.fromisoformat(span["closes"])


def merged(intervals: list[Interval]) -> list[Interval]:
    """Return the same time as intervals that neither overlap nor touch, in order."""
    found: list[Interval] = []
    for interval in sorted(intervals):
        if found and interval.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, interval.end))
        else:
            found.append(interval)
    return found


def intersect(some: list[Interval], others: list[Interval]) -> list[Interval]:
    """Return the parts of each interval of `some` that lie in `others`, in order."""
    found = [Interval(max(one.start, other.start), min(one.end, other.end)) for one in some for other in merged(others)]
    return sorted(interval for interval in found if interval.start < interval.end)
