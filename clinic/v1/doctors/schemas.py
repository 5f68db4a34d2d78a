"""What v1 accepts and returns about doctors."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from clinic.bookable import rules
from clinic.v1.locations.schemas import OpenDay, OpenWeek
from conf.http.media import Link
from conf.http.schemas import UNCHANGED, Changes, Input, Output
from conf.values import MAX_ID, Storable

SpecialtyName = Annotated[str, StringConstraints(min_length=1, max_length=100), Storable]
Key = Annotated[int, Field(ge=1, le=MAX_ID)]
About = Annotated[str, StringConstraints(max_length=20_000), Storable]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), Storable]
Lines = Annotated[list[Line], Field(max_length=50)]
Years = Annotated[int, Field(ge=0, le=80)]


class SpecialtyCreate(Input):
    name: SpecialtyName


class SpecialtyUpdate(Changes):
    name: SpecialtyName = UNCHANGED


class Specialty(Output):
    id: int
    name: str
    created_at: dt.datetime
    updated_at: dt.datetime


class DoctorCreate(Input):
    name: rules.Name
    specialty_id: Key
    price: rules.Price
    about: About = ""
    experience_years: Years = 0
    certificates: Lines = Field(default_factory=list)
    services: Lines = Field(default_factory=list)
    is_active: bool = Field(True, description="Listed, and open for new bookings.")
    duration_minutes: rules.Duration = 30
    interval_minutes: rules.Interval = 30
    buffer_minutes: rules.Buffer = 0
    notice_minutes: rules.Notice = 60
    horizon_days: rules.Horizon = 90
    deadline_minutes: rules.Deadline = 120


class DoctorUpdate(Changes):
    """Only the fields that are given change; none can be null. Bookings that were made stay as they are."""

    name: rules.Name = UNCHANGED
    specialty_id: Key = UNCHANGED
    price: rules.Price = UNCHANGED
    about: About = UNCHANGED
    experience_years: Years = UNCHANGED
    certificates: Lines = UNCHANGED
    services: Lines = UNCHANGED
    is_active: bool = UNCHANGED
    duration_minutes: rules.Duration = UNCHANGED
    interval_minutes: rules.Interval = UNCHANGED
    buffer_minutes: rules.Buffer = UNCHANGED
    notice_minutes: rules.Notice = UNCHANGED
    horizon_days: rules.Horizon = UNCHANGED
    deadline_minutes: rules.Deadline = UNCHANGED


class DoctorPlace(Output):
    """A location where the doctor works."""

    id: int
    name: str
    address: str
    time_zone: str


class Doctor(Output):
    id: int
    name: str
    specialty: Specialty
    price: int = Field(description="In cents, or what your currency has for them.")
    about: str
    experience_years: int
    certificates: list[str]
    services: list[str]
    photo_url: Link = Field(validation_alias="photo_key", description="512×512 JPEG.")
    photo_small_url: Link = Field(validation_alias="photo_small_key", description="96×96 JPEG.")
    rating: float | None = Field(description="Stars, from 1 to 5, two decimals. Null: nobody has rated the doctor.")
    reviews: int = Field(description="How many there are: `/doctors/{id}/reviews/`.")
    locations: list[DoctorPlace] = Field(description="With the doctor's hours: `/doctors/{id}/locations/`.")
    is_active: bool
    duration_minutes: int
    interval_minutes: int = Field(description="From one slot's beginning to the next one's.")
    buffer_minutes: int = Field(description="Kept free after each booking.")
    notice_minutes: int = Field(description="How long before its beginning a slot is no longer offered.")
    horizon_days: int = Field(description="How far ahead slots are offered.")
    deadline_minutes: int = Field(description="How long before the beginning a patient may still move or cancel.")
    created_at: dt.datetime
    updated_at: dt.datetime


class DoctorHours(Output):
    """Of a doctor at a location, in its local time; there is nobody to see while the location is closed."""

    location_id: int
    location_name: str
    time_zone: str
    hours: list[OpenWeek]
    exceptions: list[OpenDay]


class PhotoAccepted(Output):
    job_id: int = Field(description="The job that makes the picture: `/api/v1/jobs/{job_id}/`.")


class ReviewCreate(Input):
    booking_id: Key = Field(description="A fulfilled one, of yours, with this doctor.")
    rating: Annotated[int, Field(ge=1, le=5, description="Stars.")]
    text: Annotated[str, StringConstraints(max_length=5000), Storable] = ""


class Review(Output):
    """Nothing of it tells who wrote it."""

    id: int
    doctor_id: int
    rating: int
    text: str
    created_at: dt.datetime
