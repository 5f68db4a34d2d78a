"""Handlers of the clinic's events. They notify the patients."""

from sqlalchemy.orm import Session

from clinic.bookings import crud, notices
from clinic.bookings.notices import Kind
from conf.events import subscribe


@subscribe("clinic.booked")
def notify_booked(db: Session, *, booking_id: int) -> None:
    notices.notify_and_remind(db, crud.get(db, booking_id=booking_id), Kind.BOOKED)


@subscribe("clinic.requested")
def ask_to_confirm(db: Session, *, booking_id: int) -> None:
    notices.notify(db, crud.get(db, booking_id=booking_id), Kind.CONFIRM)


@subscribe("clinic.rescheduled")
def notify_rescheduled(db: Session, *, booking_id: int) -> None:
    notices.notify_and_remind(db, crud.get(db, booking_id=booking_id), Kind.MOVED)


@subscribe("clinic.cancelled")
def notify_cancelled(db: Session, *, booking_id: int, reason: str, notify_patient: bool) -> None:
    booking = crud.get(db, booking_id=booking_id)
    notices.cancel_reminder(db, booking)
    if notify_patient:
        notices.notify(db, booking, Kind.CANCELLED, reason=reason)


@subscribe("clinic.offered")
def notify_offered(db: Session, *, booking_id: int) -> None:
    notices.notify(db, crud.get(db, booking_id=booking_id), Kind.OFFERED)


@subscribe("clinic.offer_expired")
def notify_offer_expired(db: Session, *, booking_id: int) -> None:
    notices.notify(db, crud.get(db, booking_id=booking_id), Kind.OFFER_EXPIRED)


@subscribe("clinic.result_ready")
def notify_result(db: Session, *, booking_id: int) -> None:
    notices.notify(db, crud.get(db, booking_id=booking_id), Kind.RESULT)
