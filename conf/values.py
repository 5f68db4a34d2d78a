"""Types of values with validation, for requests and domain code."""

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from conf.errors import VersionMismatch

MAX_ID = 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_STEP = dt.timedelta(microseconds=1)


class Language(enum.StrEnum):
    """Language of e-mails and other texts for a person: English, Russian or Ukrainian (ISO 639-1)."""

    EN = "en"
    RU = "ru"
    UK = "uk"


def _check_year(year: int) -> None:
    if not 1900 <= year < 9000:
        raise ValueError("The year must be from 1900 to 8999.")


def _moment(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ValueError("The time must have an offset from UTC, as in 2026-01-31T09:30:00+01:00.")
    _check_year(moment.year)
    return moment.astimezone(dt.UTC)


def _day(day: dt.date) -> dt.date:
    _check_year(day.year)
    return day


Moment = Annotated[dt.datetime, AfterValidator(_moment)]
"""A date-time that must have an offset from UTC. It is converted to UTC. The year is from 1900 to 8999, so
that the dates before and after it exist."""
Day = Annotated[dt.date, AfterValidator(_day)]
"""A date with a year from 1900 to 8999."""


@dataclass(frozen=True)
class Expected:
    """The versions of a row that the caller has read, one of which it must still have; None: any version."""

    versions: frozenset[int] | None = None

    def check(self, updated_at: dt.datetime) -> None:
        """Check `updated_at` of a row, after it is locked and before it is changed. Raises: VersionMismatch."""
        if self.versions is not None and version_of(updated_at) not in self.versions:
            raise VersionMismatch("It has changed since you read it. Read it again.")


ANY = Expected()


def version_of(updated_at: dt.datetime) -> int:
    """Return the version of a row: its `updated_at` in microseconds since 1970."""
    return microseconds(updated_at)


def microseconds(moment: dt.datetime) -> int:
    """Return the microseconds since 1970-01-01 UTC."""
    return (moment - _EPOCH) // _STEP
