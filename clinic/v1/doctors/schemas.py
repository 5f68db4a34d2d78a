"""What v1 accepts and returns about doctors."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from clinic.doctors.crud import DoctorSort
from clinic.v1.bookable.schemas import Bookable, BookableCreate, BookableUpdate
from clinic.v1.locations.schemas import OpenDay, OpenWeek
from conf.http.schemas import UNSET, Changes, Filter, Input, Output
from conf.values import MAX_ID

SpecialtyName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Key = Annotated[int, Field(ge=1, le=MAX_ID)]
About = Annotated[str, StringConstraints(max_length=20_000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Lines = Annotated[list[Line], Field(max_length=50)]
Years = Annotated[int, Field(ge=0, le=80)]
Price = Annotated[int, Field(ge=0, le=2**31 - 1)]
SearchText = Annotated[str, StringConstraints(min_length=2, max_length=100)]


class SpecialtyCreate(Input):
    name: SpecialtyName


class SpecialtyUpdate(Changes):
    name: SpecialtyName = UNSET


class Specialty(Output):
    id: int
    name: str
    created_at: dt.datetime
    updated_at: dt.datetime


class DoctorFilter(Filter):
    sort: DoctorSort = Field(
        DoctorSort.NEWEST, description="`price_down`: the dearest first; `experience`: the longest."
    )
    specialty_id: Key | None = None
    location_id: Key | None = None
    min_price: Price | None = None
    max_price: Price | None = None
    min_rating: float | None = Field(None, ge=1, le=5)
    words: SearchText | None = Field(None, alias="q", description="Beginnings of words of the doctor.")


class DoctorCreate(BookableCreate):
    specialty_id: Key
    about: About = ""
    experience_years: Years = 0
    certificates: Lines = Field(default_factory=list)
    services: Lines = Field(default_factory=list)


class DoctorUpdate(BookableUpdate):
    """Only the fields that are given change; none can be null. Bookings that were made stay as they are."""

    specialty_id: Key = UNSET
    about: About = UNSET
    experience_years: Years = UNSET
    certificates: Lines = UNSET
    services: Lines = UNSET


class DoctorPlace(Output):
    """A location where the doctor works."""

    id: int
    name: str
    address: str
    time_zone: str


class Doctor(Bookable):
    specialty: Specialty
    about: str
    experience_years: int
    certificates: list[str]
    services: list[str]
    rating: float | None = Field(description="Stars, from 1 to 5, two decimals. Null: nobody has rated the doctor.")
    reviews_count: int = Field(validation_alias="reviews", description="`/doctors/{id}/reviews/`.")
    locations: list[DoctorPlace] = Field(description="With the doctor's hours: `/doctors/{id}/locations/`.")


class DoctorHours(Output):
    """Of a doctor at a location, in its local time; there is nobody to see while the location is closed."""

    location_id: int
    location_name: str
    time_zone: str
    hours: list[OpenWeek]
    exceptions: list[OpenDay]
    updated_at: dt.datetime


class ReviewCreate(Input):
    booking_id: Key = Field(description="A fulfilled one, of yours, with this doctor.")
    rating: Annotated[int, Field(ge=1, le=5, description="Stars.")]
    text: Annotated[str, StringConstraints(max_length=5000)] = ""


class Review(Output):
    """Nothing of it tells who wrote it."""

    id: int
    doctor_id: int
    rating: int
    text: str
    created_at: dt.datetime
