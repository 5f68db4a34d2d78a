"""What v1 accepts and returns about locations and hours."""

import datetime as dt
from typing import Annotated, Self

from pydantic import Field, model_validator

from clinic.locations import rules
from conf.http.schemas import UNSET, Changes, Input, Output
from conf.values import Day


class OpeningHours(Input):
    """One that closes at or before its opening closes on the next day; 00:00 to 00:00 is the whole day."""

    opens: rules.Time = Field(examples=["09:00"])
    closes: rules.Time = Field(examples=["17:30"])


class WeeklyHours(OpeningHours):
    weekday: rules.Weekday


class ExceptionalDay(Input):
    """OpeningHours of one day in place of the week's; none: closed."""

    date: Day
    intervals: list[OpeningHours] = Field(default_factory=list, max_length=10)
    note: rules.Note = ""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        rules.assert_apart([rules.span(1, hours.opens, hours.closes) for hours in self.intervals])
        return self


class Schedule(Input):
    """Local times of the location."""

    hours: Annotated[list[WeeklyHours], Field(max_length=rules.MAX_SPANS)]
    exceptions: Annotated[list[ExceptionalDay], Field(max_length=rules.MAX_EXCEPTIONS)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        rules.assert_apart([rules.span(one.weekday, one.opens, one.closes) for one in self.hours])
        if len({day.date for day in self.exceptions}) < len(self.exceptions):
            raise ValueError("two exceptions are of one day")
        return self


class LocationCreate(Input):
    name: rules.Name
    address: rules.Address
    time_zone: rules.TimeZone = Field(examples=["Europe/Berlin"], description="Of the IANA database.")
    is_active: bool = Field(True, description="Listed, and open for new bookings.")


class LocationUpdate(Changes):
    """Only the fields that are given change; none can be null. OpeningHours: `/working-hours/{location_id}/`."""

    name: rules.Name = UNSET
    address: rules.Address = UNSET
    time_zone: rules.TimeZone = UNSET
    is_active: bool = UNSET


class Location(Output):
    id: int
    name: str
    address: str
    time_zone: str
    is_active: bool
    created_at: dt.datetime
    updated_at: dt.datetime


class OpenHours(Output):
    opens: str = Field(description="`09:00`")
    closes: str


class OpenWeek(OpenHours):
    weekday: int = Field(description="1 is Monday (ISO 8601).")


class OpenDay(Output):
    """OpeningHours of one day in place of the week's; none: closed."""

    date: dt.date
    intervals: list[OpenHours]
    note: str


class WorkingHours(Output):
    location_id: int = Field(validation_alias="id")
    time_zone: str
    hours: list[OpenWeek]
    exceptions: list[OpenDay]
    updated_at: dt.datetime
