"""Request and response schemas of the waiting list."""

import datetime as dt
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from clinic.v1.bookings.inputs import GUEST, KEY, PatientInput, TargetInput
from clinic.v1.doctors.schemas import RowId
from conf.http.schemas import Filter, Output
from conf.values import Day


class WaitingFilter(Filter):
    doctor_id: RowId | None = Field(None, description="Only entries for this doctor.")
    diagnostic_id: RowId | None = Field(None, description="Only entries for this diagnostic.")
    location_id: RowId | None = Field(None, description="Only entries for this location.")


class WaitingCreate(TargetInput, PatientInput):
    """The doctor or diagnostic to wait for, the days, and the patient.

    Send either `doctor_id` or `diagnostic_id`. Guests send `name`, `email` and `phone`. Callers with an account may
    send another `name` or `phone`. Staff send `patient_id` for a patient with an account, `name`, `email` and `phone`
    for a guest, or none of these for themselves.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                GUEST | {"doctor_id": 2, "location_id": 3, "first_day": "2026-12-01", "last_day": "2026-12-14"}
            ]
        }
    )

    first_day: Day = Field(description="First date on which the patient can come, in the location's time zone.")
    last_day: Day = Field(
        description=(
            "Last date on which the patient can come, in the location's time zone. It must not be before"
            " `first_day` or in the past."
        )
    )

    @model_validator(mode="after")
    def _assert_days_in_order(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError("The last day must not be before the first day.")
        return self


class Waiting(Output):
    """An entry of the waiting list."""

    id: int
    doctor_id: int | None = Field(description="ID of the doctor. Null if the patient waits for a diagnostic.")
    diagnostic_id: int | None = Field(description="ID of the diagnostic. Null if the patient waits for a doctor.")
    location_id: int
    first_day: dt.date = Field(description="First date on which the patient can come, in the location's time zone.")
    last_day: dt.date = Field(description="Last date on which the patient can come, in the location's time zone.")
    patient_id: int | None = Field(
        description="ID of the patient's account. Null if the patient is a guest or the account was deleted."
    )
    name: str = Field(description="Name of the patient.", examples=["Gil Guest"])
    email: str = Field(
        description="E-mail address of the patient, to which an offer is sent.", examples=["gil@home.example"]
    )
    phone: str | None = Field(
        description="Phone number of the patient. Null if none was given.", examples=["+49 30 1234567"]
    )
    created_at: dt.datetime


class NewWaiting(Waiting):
    """An entry of the waiting list that was just created."""

    key: str | None = Field(
        description=(
            "Key with which a guest can leave the waiting list: send it as the query parameter `key`. It is returned"
            " only here. Null if the entry belongs to an account."
        ),
        examples=[KEY],
    )
