"""Response schemas of free slots in v1."""

import datetime as dt

from pydantic import Field

from conf.http.schemas import Output


class Slot(Output):
    """A slot that can be booked now."""

    starts_at: dt.datetime = Field(description="Start, with the UTC offset of the location.")
    ends_at: dt.datetime = Field(description="End, with the UTC offset of the location.")
    free: int = Field(
        description="Number of patients who can still book the slot: always 1 for a doctor, the free stations of a"
        " diagnostic.",
        examples=[1],
    )


class Slots(Output):
    """The free slots of a doctor or a diagnostic at a location."""

    location_id: int
    time_zone: str = Field(
        description="Name of the location's time zone in the IANA database.", examples=["Europe/Berlin"]
    )
    items: list[Slot] = Field(description="Free slots, earliest first.")
