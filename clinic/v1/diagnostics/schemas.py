"""What v1 accepts and returns about diagnostics."""

from typing import Annotated

from pydantic import Field, StringConstraints

from clinic.v1.bookable.schemas import Bookable, BookableCreate, BookableUpdate
from clinic.v1.locations.schemas import Location
from conf.http.schemas import UNSET, Input

Text = Annotated[str, StringConstraints(max_length=20_000)]


class DiagnosticCreate(BookableCreate):
    description: Text = ""
    preparation: Text = Field("", description="What the patient does before.")


class DiagnosticUpdate(BookableUpdate):
    """Only the fields that are given change; none can be null. Bookings that were made stay as they are."""

    description: Text = UNSET
    preparation: Text = UNSET


class Diagnostic(Bookable):
    description: str
    preparation: str
    locations_count: int = Field(description="How many offer it: `/diagnostics/{id}/locations/`.")


class CapacityPut(Input):
    capacity: Annotated[int, Field(ge=0, le=100, description="Patients at a time. 0: none for now.")]


class DiagnosticPlace(Location):
    """A location that offers the diagnostic."""

    capacity: int = Field(description="Patients at a time.")
