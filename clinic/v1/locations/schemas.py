"""Request and response schemas of locations and working hours in v1."""

import datetime as dt
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from clinic.locations import rules
from conf.http.schemas import UNSET, Changes, Input, Output
from conf.values import Day


class OpeningHours(Input):
    """An interval in local time. If `closes` is not later than `opens`, the interval ends on the next day: 22:00 to
    06:00 is a night, 00:00 to 00:00 is the whole day."""

    opens: rules.Time = Field(description="Opening time, local, `HH:MM`.", examples=["09:00"])
    closes: rules.Time = Field(
        description="Closing time, local, `HH:MM`. If it is not later than `opens`, it is on the next day.",
        examples=["17:30"],
    )


class WeeklyHours(OpeningHours):
    """An interval that repeats every week. It belongs to the weekday on which it opens."""

    weekday: rules.Weekday


class ExceptionalDay(Input):
    """The hours of one date, which replace the weekly hours of that date."""

    date: Day = Field(description="Local date of the location.")
    intervals: list[OpeningHours] = Field(
        default_factory=list,
        max_length=10,
        description="Intervals that open on that date, at most 10. They must not overlap. Empty if it is closed then.",
    )
    note: rules.Note = ""

    @model_validator(mode="after")
    def _assert_apart(self) -> Self:
        rules.assert_no_overlap([rules.span(1, hours.opens, hours.closes) for hours in self.intervals])
        return self


class Schedule(Input):
    """A complete schedule, in the local time of the location."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "hours": [
                        {"weekday": 1, "opens": "08:00", "closes": "12:00"},
                        {"weekday": 1, "opens": "13:00", "closes": "18:00"},
                        {"weekday": 2, "opens": "08:00", "closes": "14:00"},
                    ],
                    "exceptions": [
                        {"date": "2026-12-25", "intervals": [], "note": "Christmas"},
                        {
                            "date": "2026-12-31",
                            "intervals": [{"opens": "08:00", "closes": "12:00"}],
                            "note": "New Year's Eve",
                        },
                    ],
                }
            ]
        }
    )

    hours: Annotated[list[WeeklyHours], Field(max_length=rules.MAX_SPANS)] = Field(
        description="Weekly hours, at most 70 intervals. They must not overlap. Empty: closed."
    )
    exceptions: Annotated[list[ExceptionalDay], Field(max_length=rules.MAX_EXCEPTIONS)] = Field(
        default_factory=list, description="Dates with other hours than the weekly ones, at most 400, each date once."
    )

    @model_validator(mode="after")
    def _assert_apart(self) -> Self:
        rules.assert_no_overlap([rules.span(one.weekday, one.opens, one.closes) for one in self.hours])
        if len({day.date for day in self.exceptions}) < len(self.exceptions):
            raise ValueError("Two of the exceptions have the same date. Merge them into one.")
        return self


class LocationCreate(Input):
    name: rules.Name
    address: rules.Address
    time_zone: rules.TimeZone
    is_active: bool = Field(True, description="Whether it is listed and open for new bookings.")


class LocationUpdate(Changes):
    """The fields to change. Fields that are left out keep their values; no field may be null. To change the working
    hours use `PUT /working-hours/{location_id}/`."""

    name: rules.Name = UNSET
    address: rules.Address = UNSET
    time_zone: rules.TimeZone = UNSET
    is_active: bool = Field(UNSET, description="Whether it is listed and open for new bookings.")


class Location(Output):
    id: int
    name: str = Field(examples=["Main building"])
    address: str = Field(examples=["Park Street 1, 10115 Berlin"])
    time_zone: str = Field(description="Name of its time zone in the IANA database.", examples=["Europe/Berlin"])
    is_active: bool = Field(description="Whether it is listed and open for new bookings.")
    created_at: dt.datetime
    updated_at: dt.datetime


class OpenHours(Output):
    """An interval of local time."""

    opens: str = Field(description="Opening time, local, `HH:MM`.", examples=["09:00"])
    closes: str = Field(
        description="Closing time, local, `HH:MM`. If it is not later than `opens`, it is on the next day.",
        examples=["17:30"],
    )


class OpenWeek(OpenHours):
    """An interval that repeats every week. It belongs to the weekday on which it opens."""

    weekday: int = Field(description="Day of the week (ISO 8601): 1 is Monday, 7 is Sunday.", examples=[1])


class OpenDay(Output):
    """The hours of one date, which replace the weekly hours of that date."""

    date: dt.date = Field(description="Local date of the location.")
    intervals: list[OpenHours] = Field(description="Intervals that open on that date. Empty: closed.")
    note: str = Field(description="Note on the day. Empty if there is none.", examples=["Christmas"])


class WorkingHours(Output):
    """The schedule of a location, in its local time."""

    location_id: int = Field(validation_alias="id")
    time_zone: str = Field(
        description="Name of the location's time zone in the IANA database.", examples=["Europe/Berlin"]
    )
    hours: list[OpenWeek] = Field(description="Weekly hours. Empty: closed.")
    exceptions: list[OpenDay] = Field(description="Dates with other hours than the weekly ones.")
    updated_at: dt.datetime
