"""Request and response schemas that doctors and diagnostics share in v1."""

import datetime as dt

from pydantic import Field

from clinic.bookable import rules
from conf.http.media import Link
from conf.http.schemas import UNSET, Changes, Input, Output


class BookableCreate(Input):
    name: rules.Name
    price: rules.Price
    is_active: bool = Field(True, description="Whether it is listed and open for new bookings.")
    duration_minutes: rules.Duration = 30
    interval_minutes: rules.Interval = 30
    buffer_minutes: rules.Buffer = 0
    notice_minutes: rules.Notice = 60
    horizon_days: rules.Horizon = 90
    deadline_minutes: rules.Deadline = 120


class BookableUpdate(Changes):
    """The fields to change. Fields that are left out keep their values; no field may be null. Existing bookings do not
    change."""

    name: rules.Name = UNSET
    price: rules.Price = UNSET
    is_active: bool = Field(UNSET, description="Whether it is listed and open for new bookings.")
    duration_minutes: rules.Duration = UNSET
    interval_minutes: rules.Interval = UNSET
    buffer_minutes: rules.Buffer = UNSET
    notice_minutes: rules.Notice = UNSET
    horizon_days: rules.Horizon = UNSET
    deadline_minutes: rules.Deadline = UNSET


class Bookable(Output):
    id: int
    name: str = Field(examples=["Dr. Anna Rey"])
    price: int = Field(description="Price in the smallest unit of the currency (cents).", examples=[5000])
    photo_url: Link = Field(
        validation_alias="photo_key",
        description="Link to the photo, a 512×512 JPEG. It is valid for 6 to 12 hours. Null if there is no photo.",
        examples=["https://campus.example/media/69300f00-q3VtZl1XcW9sT0hYbmR5a2pQ/doctors/2/31.1/large.jpg"],
    )
    photo_small_url: Link = Field(
        validation_alias="photo_small_key",
        description="Link to the photo as a 96×96 JPEG. It is valid for 6 to 12 hours. Null if there is no photo.",
        examples=["https://campus.example/media/69300f00-q3VtZl1XcW9sT0hYbmR5a2pQ/doctors/2/31.1/small.jpg"],
    )
    is_active: bool = Field(description="Whether it is listed and open for new bookings.")
    duration_minutes: int = Field(description="Length of a booking in minutes.", examples=[30])
    interval_minutes: int = Field(
        description="Minutes from the start of one slot to the start of the next.", examples=[30]
    )
    buffer_minutes: int = Field(description="Minutes kept free after each booking.", examples=[10])
    notice_minutes: int = Field(
        description="Minimum notice for a booking in minutes. Slots that start sooner are not offered.", examples=[60]
    )
    horizon_days: int = Field(description="Number of days ahead of today for which slots are offered.", examples=[90])
    deadline_minutes: int = Field(
        description="Minutes before the start until which the patient may reschedule or cancel.", examples=[120]
    )
    created_at: dt.datetime
    updated_at: dt.datetime


class PhotoAccepted(Output):
    """Response to an uploaded photo, which a job processes."""

    job_id: int = Field(description="ID of the job that makes the photo: `GET /api/v1/jobs/{job_id}/`.")
