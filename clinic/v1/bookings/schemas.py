"""What v1 accepts and returns about bookings."""

import datetime as dt
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from clinic.bookings.helpers import SlotRequest
from clinic.bookings.models import BookingStatus
from clinic.bookings.patients import Contact
from clinic.v1.doctors.schemas import Key, SearchText
from conf.http.problems import Problem
from conf.http.schemas import Filter, Input, Output
from conf.values import Day, Language, Moment
from iam.users import rules

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ().-]{4,30}$")]
Reason = Annotated[str, StringConstraints(max_length=500)]
Message = Annotated[str, StringConstraints(max_length=5000)]
HoldToken = Annotated[str, StringConstraints(max_length=64)]
InitData = Annotated[str, StringConstraints(min_length=1, max_length=8192)]
PatientName = Annotated[rules.Name, StringConstraints(max_length=200)]


class WaitingFilter(Filter):
    doctor_id: Key | None = None
    diagnostic_id: Key | None = None
    location_id: Key | None = None


class BookingFilter(Filter):
    since: Moment | None = Field(None, description="Those that begin then or later.")
    until: Moment | None = Field(None, description="Those that begin before.")
    day: Day | None = Field(None, description="Of each location's calendar.")
    doctor_id: Key | None = None
    diagnostic_id: Key | None = None
    location_id: Key | None = None
    status: BookingStatus | None = None
    patient_id: Key | None = None
    words: SearchText | None = Field(None, alias="q", description="In the patient's name, e-mail or phone.")


class Which(Input):
    """A doctor or a diagnostic, at a location."""

    doctor_id: Key | None = None
    diagnostic_id: Key | None = None
    location_id: Key

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.doctor_id is None) == (self.diagnostic_id is None):
            raise ValueError("either doctor_id or diagnostic_id")
        return self


class HoldCreate(Which):
    starts_at: Moment = Field(description="Of a free slot.")

    def slot_request(self) -> SlotRequest:
        return SlotRequest(self.location_id, self.starts_at, self.doctor_id, self.diagnostic_id)


class Hold(Output):
    hold: str = Field(description="Send it with the booking, or give the time back with it.")
    starts_at: dt.datetime
    ends_at: dt.datetime
    held_until: dt.datetime


class Contacts(Input):
    """Who comes. Guests give name, e-mail and phone; accounts a name or phone for this booking, if they like. Staff
    give `patient_id`, or all three of a guest, or nothing for themselves."""

    name: PatientName | None = None
    email: rules.Email | None = None
    phone: Phone | None = None
    patient_id: Key | None = Field(None, description="For staff: the account of the patient they book for.")

    def contact(self, language: Language) -> Contact:
        return Contact(
            name=self.name, email=self.email, phone=self.phone, language=language, patient_id=self.patient_id
        )


class BookingCreate(Contacts):
    """A `hold`, or a doctor or diagnostic with location and time."""

    hold: HoldToken | None = None
    doctor_id: Key | None = None
    diagnostic_id: Key | None = None
    location_id: Key | None = None
    starts_at: Moment | None = Field(None, description="Of a free slot.")
    message: Message = ""
    telegram_init_data: InitData | None = Field(
        None, description="`Telegram.WebApp.initData` of a Mini App: at most an hour old, good once."
    )

    @model_validator(mode="after")
    def _what(self) -> Self:
        wished = [self.doctor_id or self.diagnostic_id, self.location_id, self.starts_at]
        if self.hold is not None and (any(wished) or self.diagnostic_id):
            raise ValueError("a hold says which doctor or diagnostic, where and when; leave them out")
        if self.hold is None and (None in wished or (self.doctor_id and self.diagnostic_id)):
            raise ValueError("a hold, or either doctor_id or diagnostic_id, location_id and starts_at")
        return self

    def slot_request(self) -> SlotRequest | None:
        if self.location_id is None or self.starts_at is None:
            return None
        return SlotRequest(self.location_id, self.starts_at, self.doctor_id, self.diagnostic_id)


class BookingMove(Input):
    starts_at: Moment = Field(description="Of a free slot.")
    location_id: Key | None = Field(None, description="Where it is; null: where it was.")
    reason: Reason = ""


class Cancellation(Input):
    reason: Reason = Field("", description="Staff see it; from staff, it is mailed to the patient.")


class StatusNote(Input):
    status: BookingStatus = Field(description="`arrived`, `fulfilled`, `noshow`; or back, if that was a mistake.")
    reason: Reason = ""


class Booking(Output):
    id: int
    doctor_id: int | None = Field(description="Null: it is a diagnostic.")
    doctor_name: str | None
    diagnostic_id: int | None = Field(description="Null: it is a doctor.")
    diagnostic_name: str | None
    location_id: int
    location_name: str
    address: str
    time_zone: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    status: BookingStatus
    held_until: dt.datetime | None = Field(description="Of one that is pending: confirm it until then.")
    changeable_until: dt.datetime = Field(description="Until then its patient may move or cancel it.")
    price: int
    patient_id: int | None = Field(description="Null: a guest, or the account is gone.")
    name: str
    email: str
    phone: str | None
    message: str
    created_at: dt.datetime
    updated_at: dt.datetime


class NewBooking(Booking):
    key: str | None = Field(description="A guest's, to reach the booking: `?key=`. Null: it is in an account.")


class BookingEvent(Output):
    at: dt.datetime
    actor_id: int | None = Field(description="The account that did it. Null: a guest, or the clinic's own doing.")
    status: BookingStatus = Field(description="From then on, as what follows.")
    starts_at: dt.datetime
    location_id: int
    reason: str


class WaitingCreate(Which, Contacts):
    """To be offered a time on one of these days, local ones, if one becomes free."""

    first_day: Day
    last_day: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError("last_day is before first_day")
        return self


class Waiting(Output):
    id: int
    doctor_id: int | None
    diagnostic_id: int | None
    location_id: int
    first_day: dt.date
    last_day: dt.date
    patient_id: int | None
    name: str
    email: str
    phone: str | None
    created_at: dt.datetime


class NewWaiting(Waiting):
    key: str | None = Field(description="A guest's, to wait no longer: `?key=`; told here alone. Null: an account's.")


class FreeSlot(Output):
    starts_at: dt.datetime
    ends_at: dt.datetime


class Taken(Problem):
    """With the next three free slots, where that is of use."""

    next_slots: list[FreeSlot] | None = None
