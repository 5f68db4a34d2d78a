"""Reviews of doctors by their patients."""

from sqlalchemy.orm import Session

from clinic.bookings import helpers
from clinic.bookings.models import BookingStatus
from clinic.bookings.patients import Requester
from clinic.doctors import crud as doctors
from clinic.doctors.models import Review
from conf.errors import Conflict, Forbidden


def create(db: Session, *, doctor_id: int, booking_id: int, rating: int, text: str, requester: Requester) -> Review:
    """Create a review by the patient of a fulfilled booking, once per doctor.

    Raises: NotFound; Unauthenticated; Forbidden; Conflict.
    """
    booking = helpers.get(db, booking_id=booking_id, requester=requester)
    if not (requester.owns(booking.patient_id) or requester.has_key("booking", booking.id)):
        raise Forbidden("Only the patient can review the doctor.")
    if booking.doctor_id != doctor_id or booking.status != BookingStatus.FULFILLED:
        raise Conflict("A review needs a fulfilled booking with this doctor.", field="booking_id")
    return doctors.create_review(db, doctor_id=doctor_id, patient_key=booking.patient_key, rating=rating, text=text)
