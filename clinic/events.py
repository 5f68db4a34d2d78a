"""What happens in the clinic. Handlers find the rest by the booking's id."""

from conf.events import Event


class Booked(Event, name="clinic.booked"):
    """A time was booked, or an offered one was confirmed."""

    booking_id: int


class Rescheduled(Event, name="clinic.rescheduled"):
    """A booking has another time or location."""

    booking_id: int


class Cancelled(Event, name="clinic.cancelled"):
    """A booking, or an offer, was cancelled."""

    booking_id: int
    reason: str
    """For the patient; empty where the patient cancelled."""
    told: bool
    """Whether the patient is to hear of it: not of an offer that they have declined themselves."""


class Offered(Event, name="clinic.offered"):
    """A time has become free and is kept for a patient who waits for one."""

    booking_id: int


class OfferLapsed(Event, name="clinic.offer_lapsed"):
    """An offer was not confirmed in time."""

    booking_id: int


class ResultReady(Event, name="clinic.result_ready"):
    """A result has been checked; its patient can read it."""

    booking_id: int
    result_id: int
