"""What follows when something happens in the clinic: its patients are told."""

from sqlalchemy.orm import Session

from clinic.bookings import crud, notices
from clinic.bookings.notices import Kind
from conf.events import subscribe


@subscribe("clinic.booked")
def notify_booked(db: Session, *, booking_id: int) -> None:
    notices.booked(db, crud.get(db, booking_id=booking_id), Kind.BOOKED)


@subscribe("clinic.rescheduled")
def notify_rescheduled(db: Session, *, booking_id: int) -> None:
    notices.booked(db, crud.get(db, booking_id=booking_id), Kind.MOVED)


@subscribe("clinic.cancelled")
def notify_cancelled(db: Session, *, booking_id: int, reason: str, told: bool) -> None:
    booking = crud.get(db, booking_id=booking_id)
    notices.forget_reminder(db, booking)
    if told:
        notices.notify(db, booking, Kind.CANCELLED, reason=reason)


@subscribe("clinic.offered")
def notify_offered(db: Session, *, booking_id: int) -> None:
    notices.notify(db, crud.get(db, booking_id=booking_id), Kind.OFFERED)


@subscribe("clinic.offer_lapsed")
def notify_lapsed(db: Session, *, booking_id: int) -> None:
    notices.notify(db, crud.get(db, booking_id=booking_id), Kind.LAPSED)


@subscribe("clinic.result_ready")
def notify_result(db: Session, *, booking_id: int) -> None:
    notices.notify(db, crud.get(db, booking_id=booking_id), Kind.RESULT)
