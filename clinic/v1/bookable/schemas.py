"""What v1 accepts and returns about anything that can be booked."""

import datetime as dt

from pydantic import Field

from clinic.bookable import rules
from conf.http.media import Link
from conf.http.schemas import UNSET, Changes, Input, Output


class BookableCreate(Input):
    name: rules.Name
    price: rules.Price
    is_active: bool = Field(True, description="Listed, and open for new bookings.")
    duration_minutes: rules.Duration = 30
    interval_minutes: rules.Interval = 30
    buffer_minutes: rules.Buffer = 0
    notice_minutes: rules.Notice = 60
    horizon_days: rules.Horizon = 90
    deadline_minutes: rules.Deadline = 120


class BookableUpdate(Changes):
    """Only the fields that are given change; none can be null. Bookings that were made stay as they are."""

    name: rules.Name = UNSET
    price: rules.Price = UNSET
    is_active: bool = UNSET
    duration_minutes: rules.Duration = UNSET
    interval_minutes: rules.Interval = UNSET
    buffer_minutes: rules.Buffer = UNSET
    notice_minutes: rules.Notice = UNSET
    horizon_days: rules.Horizon = UNSET
    deadline_minutes: rules.Deadline = UNSET


class Bookable(Output):
    id: int
    name: str
    price: int = Field(description="In cents, or what your currency has for them.")
    photo_url: Link = Field(validation_alias="photo_key", description="512×512 JPEG.")
    photo_small_url: Link = Field(validation_alias="photo_small_key", description="96×96 JPEG.")
    is_active: bool
    duration_minutes: int
    interval_minutes: int = Field(description="From one slot's beginning to the next one's.")
    buffer_minutes: int = Field(description="Kept free after each booking.")
    notice_minutes: int = Field(description="How long before its beginning a slot is no longer offered.")
    horizon_days: int = Field(description="How far ahead slots are offered.")
    deadline_minutes: int = Field(description="How long before the beginning a patient may still move or cancel.")
    created_at: dt.datetime
    updated_at: dt.datetime


class PhotoAccepted(Output):
    job_id: int = Field(description="The job that makes the picture: `/api/v1/jobs/{job_id}/`.")
