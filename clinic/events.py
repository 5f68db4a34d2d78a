"""Domain events of the clinic. A handler loads the booking by its id."""

from conf.events import Event


class Booked(Event, name="clinic.booked"):
    """A booking was made, or an offer was confirmed."""

    booking_id: int


class Requested(Event, name="clinic.requested"):
    """A guest has made a booking, which is `pending` until the guest confirms it."""

    booking_id: int


class Rescheduled(Event, name="clinic.rescheduled"):
    """A booking was moved to another time or location."""

    booking_id: int


class Cancelled(Event, name="clinic.cancelled"):
    """A booking or an offer was cancelled."""

    booking_id: int
    reason: str
    """The reason to tell the patient; empty if the patient cancelled."""
    notify_patient: bool
    """Whether to notify the patient. False only if the patient has declined an offer."""


class Offered(Event, name="clinic.offered"):
    """A slot has become free and is offered to a patient on the waiting list."""

    booking_id: int


class OfferExpired(Event, name="clinic.offer_expired"):
    """An offer has expired without being confirmed."""

    booking_id: int


class ResultReady(Event, name="clinic.result_ready"):
    """A result has passed its check. The patient can read it now."""

    booking_id: int
    result_id: int
