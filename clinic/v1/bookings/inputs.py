"""Parts of request bodies that bookings and the waiting list share."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from clinic.bookings.patients import Contact
from clinic.v1.doctors.schemas import RowId
from conf.http.schemas import Input
from conf.values import Language
from iam.users import rules

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ().-]{4,30}$")]
PatientName = Annotated[rules.Name, StringConstraints(max_length=200), Field(examples=["Gil Guest"])]

# Values for the examples in the API reference.
GUEST: JsonDict = {"name": "Gil Guest", "email": "gil@home.example", "phone": "+49 30 1234567"}
KEY = "q3VtZl1XcW9sT0hYbmR5a2pQ"


class TargetInput(Input):
    """A doctor or a diagnostic, at a location."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"doctor_id": 2, "location_id": 3}]})

    doctor_id: RowId | None = Field(None, description="ID of the doctor. Send either this or `diagnostic_id`.")
    diagnostic_id: RowId | None = Field(None, description="ID of the diagnostic. Send either this or `doctor_id`.")
    location_id: RowId

    @model_validator(mode="after")
    def _assert_one_target(self) -> Self:
        if (self.doctor_id is None) == (self.diagnostic_id is None):
            raise ValueError("Send either doctor_id or diagnostic_id.")
        return self


class PatientInput(Input):
    """The patient. Guests send `name`, `email` and `phone`. Callers with an account may send another `name` or `phone`
    for this booking. Staff send `patient_id` for a patient with an account, `name`, `email` and `phone` for a guest, or
    none of these for themselves."""

    model_config = ConfigDict(json_schema_extra={"examples": [GUEST]})

    name: PatientName | None = Field(
        None,
        description=(
            "Name of the patient, from 1 to 100 characters. Required for guests. For a patient with an account, the"
            " default is the account's name."
        ),
        examples=["Gil Guest"],
    )
    email: rules.Email | None = Field(
        None,
        description=(
            "E-mail address of the patient. Required for guests. For a patient with an account, the default is the"
            " account's address; only staff may send another one."
        ),
        examples=["gil@home.example"],
    )
    phone: Phone | None = Field(
        None,
        description=(
            "Phone number of the patient: an optional `+`, a digit, then 4 to 30 digits, spaces or `( ) . -`. Required"
            " for guests."
        ),
        examples=["+49 30 1234567"],
    )
    patient_id: RowId | None = Field(None, description="ID of the patient's account. Only staff may send it.")

    def contact(self, language: Language) -> Contact:
        return Contact(
            name=self.name, email=self.email, phone=self.phone, language=language, patient_id=self.patient_id
        )
