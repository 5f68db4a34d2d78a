"""What v1 accepts and returns about diagnostics."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from clinic.bookable import rules
from clinic.v1.locations.schemas import Location
from conf.http.media import Link
from conf.http.schemas import UNCHANGED, Changes, Input, Output
from conf.values import Storable

Text = Annotated[str, StringConstraints(max_length=20_000), Storable]


class DiagnosticCreate(Input):
    name: rules.Name
    price: rules.Price
    description: Text = ""
    preparation: Text = Field("", description="What the patient does before.")
    is_active: bool = Field(True, description="Listed, and open for new bookings.")
    duration_minutes: rules.Duration = 30
    interval_minutes: rules.Interval = 30
    buffer_minutes: rules.Buffer = 0
    notice_minutes: rules.Notice = 60
    horizon_days: rules.Horizon = 90
    deadline_minutes: rules.Deadline = 120


class DiagnosticUpdate(Changes):
    """Only the fields that are given change; none can be null. Bookings that were made stay as they are."""

    name: rules.Name = UNCHANGED
    price: rules.Price = UNCHANGED
    description: Text = UNCHANGED
    preparation: Text = UNCHANGED
    is_active: bool = UNCHANGED
    duration_minutes: rules.Duration = UNCHANGED
    interval_minutes: rules.Interval = UNCHANGED
    buffer_minutes: rules.Buffer = UNCHANGED
    notice_minutes: rules.Notice = UNCHANGED
    horizon_days: rules.Horizon = UNCHANGED
    deadline_minutes: rules.Deadline = UNCHANGED


class Diagnostic(Output):
    id: int
    name: str
    price: int = Field(description="In cents, or what your currency has for them.")
    description: str
    preparation: str
    photo_url: Link = Field(validation_alias="photo_key", description="512×512 JPEG.")
    photo_small_url: Link = Field(validation_alias="photo_small_key", description="96×96 JPEG.")
    locations_count: int = Field(description="How many offer it: `/diagnostics/{id}/locations/`.")
    is_active: bool
    duration_minutes: int
    interval_minutes: int = Field(description="From one slot's beginning to the next one's.")
    buffer_minutes: int = Field(description="Kept free after each booking.")
    notice_minutes: int = Field(description="How long before its beginning a slot is no longer offered.")
    horizon_days: int = Field(description="How far ahead slots are offered.")
    deadline_minutes: int = Field(description="How long before the beginning a patient may still move or cancel.")
    created_at: dt.datetime
    updated_at: dt.datetime


class CapacityPut(Input):
    capacity: Annotated[int, Field(ge=0, le=100, description="Patients at a time. 0: none for now.")]


class DiagnosticPlace(Location):
    """A location that offers the diagnostic."""

    capacity: int = Field(description="Patients at a time.")
