"""Request and response schemas of diagnostics in v1."""

from typing import Annotated

from pydantic import Field, StringConstraints

from clinic.bookable import rules
from clinic.v1.bookable.schemas import Bookable, BookableCreate, BookableUpdate
from clinic.v1.locations.schemas import Location
from conf.http.schemas import UNSET, Input

Text = Annotated[str, StringConstraints(max_length=20_000)]
Description = Annotated[
    Text,
    Field(description="What is examined, at most 20000 characters.", examples=["The cells of the blood are counted."]),
]
Preparation = Annotated[
    Text,
    Field(
        description="What the patient must do before the visit, at most 20000 characters.",
        examples=["Eat nothing for twelve hours."],
    ),
]


class DiagnosticCreate(BookableCreate):
    name: rules.Name = Field(examples=["Blood count"])
    description: Description = ""
    preparation: Preparation = ""


class DiagnosticUpdate(BookableUpdate):
    """The fields to change. Fields that are left out keep their values; no field may be null. Existing bookings do not
    change."""

    name: rules.Name = Field(UNSET, examples=["Blood count"])
    description: Description = UNSET
    preparation: Preparation = UNSET


class Diagnostic(Bookable):
    """An examination that can be booked at one or more locations."""

    name: str = Field(examples=["Blood count"])
    description: str = Field(description="What is examined.", examples=["The cells of the blood are counted."])
    preparation: str = Field(
        description="What the patient must do before the visit.", examples=["Eat nothing for twelve hours."]
    )
    locations_count: int = Field(
        description="Number of active locations that offer it: `GET /diagnostics/{diagnostic_id}/locations/`.",
        examples=[2],
    )


class CapacityPut(Input):
    capacity: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="Number of patients at the same time (stations), from 0 to 100. With 0 there are no slots.",
            examples=[3],
        ),
    ]


class DiagnosticPlace(Location):
    """A location that offers the diagnostic."""

    capacity: int = Field(description="Number of patients at the same time (stations).", examples=[3])
