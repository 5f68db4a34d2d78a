"""Request and response schemas of doctors, specialties and reviews in v1."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from clinic.doctors.crud import DoctorSort
from clinic.v1.bookable.schemas import Bookable, BookableCreate, BookableUpdate
from clinic.v1.locations.schemas import OpenDay, OpenWeek
from conf.http.schemas import UNSET, Changes, Filter, Input, Output
from conf.values import MAX_ID

SpecialtyName = Annotated[str, StringConstraints(min_length=1, max_length=100), Field(examples=["Cardiology"])]
RowId = Annotated[int, Field(ge=1, le=MAX_ID)]
About = Annotated[
    str,
    StringConstraints(max_length=20_000),
    Field(
        description="Text about the doctor, at most 20000 characters.",
        examples=["Treats runners and cyclists. Speaks English and German."],
    ),
]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Certificates = Annotated[
    list[Line],
    Field(
        max_length=50,
        description="Certificates of the doctor, at most 50, each from 1 to 200 characters.",
        examples=[["Specialist in sports medicine, 2014"]],
    ),
]
Services = Annotated[
    list[Line],
    Field(
        max_length=50,
        description="Services that the doctor offers, at most 50, each from 1 to 200 characters.",
        examples=[["ECG", "Echocardiography"]],
    ),
]
Years = Annotated[int, Field(ge=0, le=80, description="Professional experience in years, from 0 to 80.", examples=[12])]
Price = Annotated[int, Field(ge=0, le=2**31 - 1)]
SearchText = Annotated[str, StringConstraints(min_length=2, max_length=100)]


class SpecialtyCreate(Input):
    name: SpecialtyName


class SpecialtyUpdate(Changes):
    name: SpecialtyName = UNSET


class Specialty(Output):
    id: int
    name: str = Field(examples=["Cardiology"])
    created_at: dt.datetime
    updated_at: dt.datetime


class DoctorFilter(Filter):
    sort: DoctorSort = Field(
        DoctorSort.NEWEST,
        description=(
            "Order of the list. `newest`: most recently added first. `rating`: highest rating first. `price`: lowest"
            " price first. `price_down`: highest price first. `experience`: longest experience first. Among equals, the"
            " most recently added is first."
        ),
    )
    specialty_id: RowId | None = Field(None, description="Only doctors of this specialty.")
    location_id: RowId | None = Field(None, description="Only doctors who work at this location.")
    min_price: Price | None = Field(
        None,
        description="Lowest price, in the smallest unit of the currency (cents), from 0 to 2147483647.",
        examples=[2000],
    )
    max_price: Price | None = Field(
        None,
        description="Highest price, in the smallest unit of the currency (cents), from 0 to 2147483647.",
        examples=[8000],
    )
    min_rating: float | None = Field(
        None, ge=1, le=5, description="Lowest rating, from 1 to 5. Leaves out doctors without reviews.", examples=[4.5]
    )
    words: SearchText | None = Field(
        None,
        alias="q",
        description=(
            "Search text, from 2 to 100 characters. A doctor is found if each word of it begins a word of the doctor's"
            " name, `about` or `services`, or if each begins a word of the specialty's name."
        ),
        examples=["sports med"],
    )


class DoctorCreate(BookableCreate):
    specialty_id: RowId
    about: About = ""
    experience_years: Years = 0
    certificates: Certificates = Field(default_factory=list)
    services: Services = Field(default_factory=list)


class DoctorUpdate(BookableUpdate):
    """The fields to change. Fields that are left out keep their values; no field may be null. Existing bookings do not
    change."""

    specialty_id: RowId = UNSET
    about: About = UNSET
    experience_years: Years = UNSET
    certificates: Certificates = UNSET
    services: Services = UNSET


class DoctorPlace(Output):
    """A location where the doctor works."""

    id: int
    name: str = Field(examples=["Main building"])
    address: str = Field(examples=["Park Street 1, 10115 Berlin"])
    time_zone: str = Field(description="Name of its time zone in the IANA database.", examples=["Europe/Berlin"])


class Doctor(Bookable):
    """A doctor, with the specialty and the locations."""

    specialty: Specialty
    about: str = Field(
        description="Text about the doctor.", examples=["Treats runners and cyclists. Speaks English and German."]
    )
    experience_years: int = Field(description="Professional experience in years.", examples=[12])
    certificates: list[str] = Field(
        description="Certificates of the doctor.", examples=[["Specialist in sports medicine, 2014"]]
    )
    services: list[str] = Field(description="Services that the doctor offers.", examples=[["ECG", "Echocardiography"]])
    rating: float | None = Field(
        description="Average of the reviews in stars, from 1 to 5, with two decimals. Null if there are no reviews.",
        examples=[4.67],
    )
    reviews_count: int = Field(
        validation_alias="reviews",
        description="Number of reviews: `GET /doctors/{doctor_id}/reviews/`.",
        examples=[3],
    )
    locations: list[DoctorPlace] = Field(
        description=(
            "Locations where the doctor works; inactive ones only for staff and admins. The working hours are at"
            " `GET /doctors/{doctor_id}/locations/`."
        )
    )


class DoctorHours(Output):
    """The working hours of a doctor at a location, in its local time.

    Slots are offered only while the location is also open.
    """

    location_id: int
    location_name: str = Field(examples=["Main building"])
    time_zone: str = Field(
        description="Name of the location's time zone in the IANA database.", examples=["Europe/Berlin"]
    )
    hours: list[OpenWeek] = Field(description="Weekly hours. Empty if the doctor has no weekly hours there.")
    exceptions: list[OpenDay] = Field(description="Dates with other hours than the weekly ones.")
    updated_at: dt.datetime


class ReviewCreate(Input):
    booking_id: RowId = Field(description="ID of a `fulfilled` booking of the patient with this doctor.")
    rating: Annotated[int, Field(ge=1, le=5, description="Rating in stars, from 1 to 5.", examples=[5])]
    text: Annotated[
        str,
        StringConstraints(max_length=5000),
        Field(
            description="Text of the review, at most 5000 characters.",
            examples=["Took time and explained everything."],
        ),
    ] = ""


class Review(Output):
    """A review of a doctor by a patient. It does not reveal its author."""

    id: int
    doctor_id: int
    rating: int = Field(description="Rating in stars, from 1 to 5.", examples=[5])
    text: str = Field(
        description="Text of the review. Empty if there is none.", examples=["Took time and explained everything."]
    )
    created_at: dt.datetime
