"""Types of the fields of a location and of a schedule, and checks of them, for every version of the API."""

import datetime as dt
import functools
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from clinic.locations.calendar import Span, week_minutes

MAX_SPANS = 70
"""Maximum number of intervals in a week: ten per day."""
MAX_EXCEPTIONS = 400
"""Maximum number of exceptional days: a little more than a year."""


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - {"localtime", "Factory"}


def _assert_time_zone(name: str) -> str:
    if name not in _time_zones():
        raise ValueError("This is not a time zone of the IANA database. Use a name such as Europe/Berlin.")
    return name


def span(weekday: int, opens: str, closes: str) -> Span:
    """Return the span of local times in the format `HH:MM`."""
    return Span(weekday, dt.time.fromisoformat(opens), dt.time.fromisoformat(closes))


def assert_no_overlap(spans: list[Span]) -> None:
    """Check that the spans of a week that repeats do not overlap. Raises: ValueError."""
    taken = sorted(week_minutes(span) for span in spans)
    week = 7 * 24 * 60
    for (_, end), (begin, _) in zip(taken, [*taken[1:], (taken[0][0] + week, 0)] if taken else [], strict=True):
        if end > begin:
            raise ValueError("Two of the intervals overlap. Change or remove one of them.")


TimeZone = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_assert_time_zone),
    Field(
        description="Name of the location's time zone in the IANA database, at most 64 characters.",
        examples=["Europe/Berlin"],
    ),
]
Time = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), Field(examples=["09:30"])]
"""Local time of the location in 24-hour format, such as `09:30`."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), Field(examples=["Main building"])]
Address = Annotated[
    str, StringConstraints(min_length=1, max_length=500), Field(examples=["Park Street 1, 10115 Berlin"])
]
Note = Annotated[
    str,
    StringConstraints(max_length=200),
    Field(
        description="Public note on the day, such as the name of a holiday, at most 200 characters.",
        examples=["Christmas"],
    ),
]
Weekday = Annotated[
    int, Field(ge=1, le=7, description="Day of the week (ISO 8601): 1 is Monday, 7 is Sunday.", examples=[1])
]
