"""What values have to be, wherever they come from."""

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from conf.errors import Changed

MAX_ID = 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_STEP = dt.timedelta(microseconds=1)


class Language(enum.StrEnum):
    """What Campus writes to people in."""

    EN = "en"
    RU = "ru"
    UK = "uk"


def _in_reach(year: int) -> None:
    if not 1900 <= year < 9000:
        raise ValueError("is out of reach")


def _moment(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ValueError("must say its offset from UTC, as in 2026-01-31T09:30:00+01:00")
    _in_reach(moment.year)
    return moment.astimezone(dt.UTC)


def _day(day: dt.date) -> dt.date:
    _in_reach(day.year)
    return day


Moment = Annotated[dt.datetime, AfterValidator(_moment)]
"""Given with its offset from UTC, and kept without; such that there are days before and after it."""
Day = Annotated[dt.date, AfterValidator(_day)]


@dataclass(frozen=True)
class Expected:
    """The versions of a row that whoever changes it has seen; None: any will do."""

    versions: frozenset[int] | None = None

    def check(self, updated_at: dt.datetime) -> None:
        """Of a row that is locked, before it is changed. Changed."""
        if self.versions is not None and version_of(updated_at) not in self.versions:
            raise Changed("It has changed since you read it. Read it again.")


ANY = Expected()


def version_of(updated_at: dt.datetime) -> int:
    """A number for what a row was at that time."""
    return microseconds(updated_at)


def microseconds(moment: dt.datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _STEP
