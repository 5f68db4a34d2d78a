"""What v1 returns about free times."""

import datetime as dt

from pydantic import Field

from conf.http.schemas import Output


class Slot(Output):
    starts_at: dt.datetime = Field(description="With the offset of the location's time zone.")
    ends_at: dt.datetime
    free: int = Field(description="How many can book it: one of a doctor's.")


class Slots(Output):
    location_id: int
    time_zone: str
    items: list[Slot]
