"""Request and response schemas of holds, bookings and the waiting list in v1."""

import datetime as dt
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from clinic.bookings.helpers import SlotRequest
from clinic.bookings.models import BookingStatus
from clinic.v1.bookings.inputs import GUEST, KEY, PatientInput, TargetInput
from clinic.v1.doctors.schemas import RowId, SearchText
from conf.http.problems import Problem
from conf.http.schemas import Filter, Input, Output
from conf.values import Day, Moment

Reason = Annotated[str, StringConstraints(max_length=500), Field(examples=["I have an exam at that time."])]
Message = Annotated[
    str,
    StringConstraints(max_length=5000),
    Field(
        description="Message from the patient to the clinic, at most 5000 characters.",
        examples=["My knee hurts after running."],
    ),
]
HoldToken = Annotated[str, StringConstraints(max_length=64)]
InitData = Annotated[str, StringConstraints(min_length=1, max_length=8192)]

# Values for the examples in the API reference.
_SLOT: JsonDict = {"doctor_id": 2, "location_id": 3, "starts_at": "2026-12-01T09:00:00+01:00"}
_TOKEN = "17.q3VtZl1XcW9sT0hYbmR5a2pQ"  # noqa: S105


class BookingFilter(Filter):
    since: Moment | None = Field(
        None, description="Only bookings that start at this time or later. Include the UTC offset."
    )
    until: Moment | None = Field(None, description="Only bookings that start before this time. Include the UTC offset.")
    day: Day | None = Field(None, description="Only bookings that start on this date, in the location's time zone.")
    doctor_id: RowId | None = Field(None, description="Only bookings with this doctor.")
    diagnostic_id: RowId | None = Field(None, description="Only bookings of this diagnostic.")
    location_id: RowId | None = Field(None, description="Only bookings at this location.")
    status: BookingStatus | None = Field(None, description="Only bookings with this status.")
    patient_id: RowId | None = Field(
        None, description="Only bookings of the patient with this account. Ignored unless the caller is staff."
    )
    words: SearchText | None = Field(
        None,
        alias="q",
        description="Text to find in the patient's name, e-mail or phone, from 2 to 100 characters, ignoring case.",
        examples=["turing"],
    )


class HoldCreate(TargetInput):
    """The slot to hold: either of a doctor or of a diagnostic."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SLOT]})

    starts_at: Moment = Field(description="Start of a free slot, with the UTC offset.")

    def slot_request(self) -> SlotRequest:
        return SlotRequest(self.location_id, self.starts_at, self.doctor_id, self.diagnostic_id)


class Hold(Output):
    """A slot that is held until `held_until`."""

    hold: str = Field(
        description="Token of the hold. Send it to `POST /bookings/` to book the slot, or to `DELETE /holds/{hold}/`.",
        examples=[_TOKEN],
    )
    starts_at: dt.datetime
    ends_at: dt.datetime
    held_until: dt.datetime = Field(description="Time when the hold expires, ten minutes after it was created.")


class BookingCreate(PatientInput):
    """The slot to book, and the patient.

    The slot is either `hold`, or `location_id`, `starts_at` and one of `doctor_id` and `diagnostic_id`. Guests send
    `name`, `email` and `phone`. Callers with an account may send another `name` or `phone` for this booking. Staff send
    `patient_id` for a patient with an account, `name`, `email` and `phone` for a guest, or none of these for
    themselves.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _SLOT | GUEST | {"message": "My knee hurts after running."},
                GUEST | {"hold": _TOKEN},
                {"diagnostic_id": 5, "location_id": 3, "starts_at": "2026-12-01T09:00:00+01:00", "patient_id": 12},
            ]
        }
    )

    hold: HoldToken | None = Field(
        None, description="Token of a held slot, from `POST /holds/`, at most 64 characters.", examples=[_TOKEN]
    )
    doctor_id: RowId | None = Field(None, description="ID of the doctor. Leave it out with `hold` or `diagnostic_id`.")
    diagnostic_id: RowId | None = Field(
        None, description="ID of the diagnostic. Leave it out with `hold` or `doctor_id`."
    )
    location_id: RowId | None = Field(None, description="ID of the location. Leave it out with `hold`.")
    starts_at: Moment | None = Field(
        None, description="Start of a free slot, with the UTC offset. Leave it out with `hold`."
    )
    message: Message = ""
    telegram_init_data: InitData | None = Field(
        None,
        description=(
            "`Telegram.WebApp.initData` of a Telegram Mini App, from 1 to 8192 characters. It must be at most one hour"
            " old, and can be used for one booking only."
        ),
        examples=[
            "user=%7B%22id%22%3A279058397%7D&auth_date=1767225600&hash=c501b71e775f74ce10e377dea85a7ea24ecd640b223ea86d"
        ],
    )

    @model_validator(mode="after")
    def _assert_one_slot(self) -> Self:
        slot = [self.doctor_id or self.diagnostic_id, self.location_id, self.starts_at]
        if self.hold is not None and (any(slot) or self.diagnostic_id):
            raise ValueError(
                "The hold already determines the slot. Send it without doctor_id, diagnostic_id, location_id and"
                " starts_at."
            )
        if self.hold is None and (None in slot or (self.doctor_id and self.diagnostic_id)):
            raise ValueError("Send either hold, or location_id, starts_at and one of doctor_id and diagnostic_id.")
        return self

    def slot_request(self) -> SlotRequest | None:
        if self.location_id is None or self.starts_at is None:
            return None
        return SlotRequest(self.location_id, self.starts_at, self.doctor_id, self.diagnostic_id)


class BookingMove(Input):
    """The new time of a booking, and its new location if that changes."""

    starts_at: Moment = Field(description="Start of a free slot, with the UTC offset.")
    location_id: RowId | None = Field(None, description="ID of the new location. Null: the location stays the same.")
    reason: Reason = Field(
        "",
        description="Reason, at most 500 characters. It is kept in the booking's history, which the patient can read.",
    )


class Cancellation(Input):
    reason: Reason = Field(
        "",
        description=(
            "Reason, at most 500 characters. It is kept in the booking's history, which the patient can read. If staff"
            " cancel, it is also in the e-mail to the patient."
        ),
    )


class StatusNote(Input):
    """The new status of a visit."""

    status: BookingStatus = Field(
        description="`arrived`, `fulfilled` or `noshow`, or an earlier status to correct a mistake.",
        examples=["arrived"],
    )
    reason: Reason = Field(
        "",
        description="Reason, at most 500 characters. It is kept in the booking's history, which the patient can read.",
        examples=["Arrived after the visit was noted as missed."],
    )


class Booking(Output):
    """A booking of a doctor or a diagnostic, with the names of what it refers to."""

    id: int
    doctor_id: int | None = Field(description="ID of the doctor. Null if a diagnostic is booked.")
    doctor_name: str | None = Field(
        description="Name of the doctor. Null if a diagnostic is booked.", examples=["Dr. Anna Rey"]
    )
    diagnostic_id: int | None = Field(description="ID of the diagnostic. Null if a doctor is booked.")
    diagnostic_name: str | None = Field(
        description="Name of the diagnostic. Null if a doctor is booked.", examples=["Blood count"]
    )
    location_id: int
    location_name: str = Field(examples=["Main building"])
    address: str = Field(description="Address of the location.", examples=["Park Street 1, 10115 Berlin"])
    time_zone: str = Field(
        description="Name of the location's time zone in the IANA database.", examples=["Europe/Berlin"]
    )
    starts_at: dt.datetime
    ends_at: dt.datetime
    status: BookingStatus = Field(
        description=(
            "`pending`: offered from the waiting list, and held until `held_until`. `booked`: confirmed. `arrived`: the"
            " patient is there. `fulfilled`: the visit took place. `noshow`: the patient did not come. `cancelled`:"
            " cancelled, or an offer that was not confirmed in time."
        )
    )
    held_until: dt.datetime | None = Field(
        description="Time by which a `pending` booking must be confirmed. Null for any other status."
    )
    changeable_until: dt.datetime = Field(
        description="Time until which the patient may reschedule or cancel. Staff may do so later."
    )
    price: int = Field(
        description=(
            "Price in the smallest unit of the currency (cents), as it was when the booking or its hold was created."
        ),
        examples=[5000],
    )
    patient_id: int | None = Field(
        description="ID of the patient's account. Null if the patient is a guest or the account was deleted."
    )
    name: str = Field(description="Name of the patient.", examples=["Gil Guest"])
    email: str = Field(
        description="E-mail address of the patient, to which notifications are sent.", examples=["gil@home.example"]
    )
    phone: str | None = Field(
        description="Phone number of the patient. Null if none was given.", examples=["+49 30 1234567"]
    )
    message: str = Field(
        description="Message from the patient to the clinic. Empty if there is none.",
        examples=["My knee hurts after running."],
    )
    created_at: dt.datetime
    updated_at: dt.datetime


class NewBooking(Booking):
    """A booking that was just created."""

    key: str | None = Field(
        description=(
            "Key with which a guest has access to the booking: send it as the query parameter `key`. It is valid until"
            " 90 days after the end of the booking. Null if the booking belongs to an account."
        ),
        examples=[KEY],
    )


class BookingEvent(Output):
    """A change of a booking. The fields have the values after the change."""

    at: dt.datetime = Field(description="Time of the change.")
    actor_id: int | None = Field(
        description="ID of the account that made the change. Null if a guest made it, or the system."
    )
    status: BookingStatus
    starts_at: dt.datetime
    location_id: int
    reason: str = Field(
        description="Reason of the change. Empty if none was given.", examples=["I have an exam at that time."]
    )


class FreeSlot(Output):
    starts_at: dt.datetime = Field(description="Start, with the UTC offset of the location.")
    ends_at: dt.datetime = Field(description="End, with the UTC offset of the location.")


class Taken(Problem):
    """The slot is taken, or there is another conflict. `detail` says which."""

    next_slots: list[FreeSlot] | None = Field(
        None,
        description=(
            "The next free slots of the same doctor or diagnostic at the location, at most three, earliest first."
            " Left out unless the slot is taken or the patient has another booking at that time."
        ),
    )
