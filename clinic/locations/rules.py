"""What the values of a location and of a schedule have to be, in every version of the API."""

import datetime as dt
import functools
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from clinic.locations.calendar import Span, lies_on

MAX_SPANS = 70
"""Ten a day."""
MAX_EXCEPTIONS = 400
"""A year and a bit."""


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - {"localtime", "Factory"}


def _known(zone: str) -> str:
    if zone not in _zones():
        raise ValueError("is not a time zone of the IANA database, as Europe/Berlin")
    return zone


def span(weekday: int, opens: str, closes: str) -> Span:
    return Span(weekday, dt.time.fromisoformat(opens), dt.time.fromisoformat(closes))


def assert_apart(spans: list[Span]) -> None:
    """ValueError when two of these, of one week that begins again at its end, overlap."""
    taken = sorted(lies_on(span) for span in spans)
    week = 7 * 24 * 60
    for (_, end), (begin, _) in zip(taken, [*taken[1:], (taken[0][0] + week, 0)] if taken else [], strict=True):
        if end > begin:
            raise ValueError("two of these overlap")


TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known)]
Time = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""Local, hours and minutes: `09:30`."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Address = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Note = Annotated[str, StringConstraints(max_length=200)]
Weekday = Annotated[int, Field(ge=1, le=7, description="1 is Monday (ISO 8601).")]
