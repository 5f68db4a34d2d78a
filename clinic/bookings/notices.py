"""What patients are told of their bookings, each time by a job. By mail; another channel is one more function in
`CHANNELS`.
"""

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from icalendar import Calendar, Event
from sqlalchemy import Row
from sqlalchemy.orm import Session

from clinic.bookings import crud, patients, times
from clinic.bookings.models import Booking, BookingStatus
from conf import mail
from conf._celery import crud as jobs_crud
from conf._celery.enqueue import enqueue
from conf.errors import NotFound
from conf.settings import get_settings
from conf.texts import Texts, clock

NOTIFY = "clinic.bookings.notify"
REMIND = dt.timedelta(hours=24)
METHOD = "PUBLISH"
"""Of iCalendar: for whom it may concern, with no answer expected (RFC 5546, 3.2.1)."""


class Kind(enum.StrEnum):
    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    REMINDER = "reminder"
    OFFERED = "offered"
    LAPSED = "lapsed"
    RESULT = "result"


SUBJECT = {
    Kind.BOOKED: "booked-subject",
    Kind.MOVED: "moved-subject",
    Kind.CANCELLED: "cancelled-subject",
    Kind.REMINDER: "reminder-subject",
    Kind.OFFERED: "offered-subject",
    Kind.LAPSED: "lapsed-subject",
    Kind.RESULT: "result-subject",
}
FIRST = {
    Kind.BOOKED: "booked",
    Kind.MOVED: "moved",
    Kind.CANCELLED: "cancelled",
    Kind.REMINDER: "reminder",
    Kind.OFFERED: "offered",
    Kind.LAPSED: "lapsed",
    Kind.RESULT: "result",
}
LINK = {
    Kind.CANCELLED: "cancelled-link",
    Kind.OFFERED: "offered-link",
    Kind.LAPSED: "lapsed-link",
    Kind.RESULT: "result-link",
}
"""What the link at the end is for; of the other kinds, "change-link"."""
TEXTS = Texts("clinic")
WHILE: dict[Kind, BookingStatus] = {
    Kind.BOOKED: BookingStatus.BOOKED,
    Kind.MOVED: BookingStatus.BOOKED,
    Kind.REMINDER: BookingStatus.BOOKED,
    Kind.CANCELLED: BookingStatus.CANCELLED,
    Kind.OFFERED: BookingStatus.PENDING,
    Kind.LAPSED: BookingStatus.CANCELLED,
}
"""A notice that comes late is not sent when the booking says something else by then."""


@dataclass(frozen=True)
class Notice:
    """For one patient, in words that no channel has to add to."""

    email: str
    telegram_id: int | None
    subject: str
    text: str
    calendar: bytes | None
    """iCalendar, where there is a time to note."""


def notify(db: Session, booking: Booking, kind: Kind, *, reason: str = "") -> None:
    """Tell the patient once the transaction has been committed."""
    enqueue(db, NOTIFY, booking_id=booking.id, kind=kind, reason=reason)


def booked(db: Session, booking: Booking, kind: Kind = Kind.BOOKED) -> None:
    """Tell of the booking, or of its new time, and remind of it a day before, unless it is nearer."""
    notify(db, booking, kind)
    forget_reminder(db, booking)
    wait = booking.starts_at - REMIND - times.now()
    if wait > dt.timedelta():
        reminder = enqueue(
            db, NOTIFY, delay_s=wait.total_seconds(), booking_id=booking.id, kind=Kind.REMINDER, reason=""
        )
        booking.reminder_job_id = reminder.id
    db.flush()


def forget_reminder(db: Session, booking: Booking) -> None:
    if booking.reminder_job_id is not None:
        jobs_crud.drop(db, job_id=booking.reminder_job_id)
    booking.reminder_job_id = None


def write(db: Session, *, booking_id: int, kind: Kind, reason: str, job_id: int) -> Notice | None:
    """What the job is to tell now; None when there is nothing to tell any more."""
    try:
        booking = crud.view(db, booking_id=booking_id)
    except NotFound:
        return None
    if booking.email is None or WHILE.get(kind, booking.status) != booking.status:
        return None
    if kind == Kind.REMINDER and (booking.reminder_job_id != job_id or booking.starts_at <= times.now()):
        return None
    language, zone = booking.language, booking.time_zone
    until = clock(booking.held_until, zone, language) if booking.held_until else ""
    text = "\n".join(
        [
            TEXTS(language, "hello", name=booking.name),
            "",
            TEXTS(language, FIRST[kind], until=until),
            "",
            booking.doctor_name or booking.diagnostic_name,
            clock(booking.starts_at, zone, language),
            f"{booking.location_name}, {booking.address}",
            *(["", TEXTS(language, "reason", reason=reason)] if reason else []),
            "",
            TEXTS(language, LINK.get(kind, "change-link")),
            link(booking),
            "",
        ]
    )
    noted = kind in (Kind.BOOKED, Kind.MOVED, Kind.CANCELLED)
    return Notice(
        email=booking.email,
        telegram_id=booking.telegram_id,
        subject=TEXTS(language, SUBJECT[kind]),
        text=text,
        calendar=as_calendar(db, booking) if noted else None,
    )


def link(booking: Row[Any]) -> str:
    """Where the patient sees it: a page of the team's, if there is one, else the API. A guest's bears the key."""
    settings = get_settings()
    key = "" if booking.patient_id else patients.link_key("booking", booking.id)
    if settings.booking_page_url:
        return f"{settings.booking_page_url}#booking={booking.id}" + (f"&key={key}" if key else "")
    return f"{settings.public_url}/api/v1/bookings/{booking.id}/" + (f"?key={key}" if key else "")


def as_calendar(db: Session, booking: Row[Any]) -> bytes:
    """The booking as iCalendar (RFC 5545). One that comes later takes the place of those before (`SEQUENCE`)."""
    event = Event()
    event.add("uid", f"booking-{booking.id}@{urlsplit(get_settings().public_url).hostname}")
    event.add("sequence", max(0, crud.count_events(db, booking_id=booking.id) - 1))
    event.add("dtstamp", booking.updated_at)
    event.add("dtstart", booking.starts_at)
    event.add("dtend", booking.ends_at)
    event.add("summary", booking.doctor_name or booking.diagnostic_name)
    event.add("location", f"{booking.location_name}, {booking.address}")
    event.add(
        "status",
        {BookingStatus.CANCELLED: "CANCELLED", BookingStatus.PENDING: "TENTATIVE"}.get(booking.status, "CONFIRMED"),
    )
    made = Calendar()
    made.add("prodid", "-//Campus//clinic//EN")
    made.add("version", "2.0")
    made.add("method", METHOD)
    made.add_component(event)
    return bytes(made.to_ical())


def by_mail(notice: Notice) -> None:
    calendar = notice.calendar
    attached = mail.Attachment("booking.ics", calendar, "calendar", {"method": METHOD}) if calendar else None
    mail.send(to=notice.email, subject=notice.subject, text=notice.text, attached=attached)


CHANNELS: tuple[Callable[[Notice], None], ...] = (by_mail,)
