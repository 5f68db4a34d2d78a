"""What patients are told of their bookings, each time by a job. By mail; another channel is one more function in
`CHANNELS`.
"""

import datetime as dt
import enum
import zoneinfo
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
    Kind.BOOKED: "Your booking",
    Kind.MOVED: "Your booking has been moved",
    Kind.CANCELLED: "Your booking has been cancelled",
    Kind.REMINDER: "Your booking is tomorrow",
    Kind.OFFERED: "A time has become free",
    Kind.LAPSED: "The time that was kept for you",
    Kind.RESULT: "Your result is there",
}
FIRST = {
    Kind.BOOKED: "your booking is confirmed.",
    Kind.MOVED: "your booking has been moved. It is now:",
    Kind.CANCELLED: "this booking has been cancelled.",
    Kind.REMINDER: "this is to remind you of your booking.",
    Kind.OFFERED: "a time that you are waiting for has become free, and is kept for you until {until}.",
    Kind.LAPSED: "this time was kept for you, and has gone to the next who waits: it was not confirmed.",
    Kind.RESULT: "there is a result of your visit.",
}
LAST = {
    Kind.CANCELLED: "Book another time whenever you like:",
    Kind.OFFERED: "Confirm it, or cancel it and leave it to the next who waits:",
    Kind.LAPSED: "Join the waiting list again whenever you like:",
    Kind.RESULT: "You find it here:",
}
WHILE: dict[Kind, BookingStatus] = {
    Kind.BOOKED: BookingStatus.BOOKED,
    Kind.MOVED: BookingStatus.BOOKED,
    Kind.REMINDER: BookingStatus.BOOKED,
    Kind.CANCELLED: BookingStatus.CANCELLED,
    Kind.OFFERED: BookingStatus.PENDING,
    Kind.LAPSED: BookingStatus.CANCELLED,
}
"""A notice that comes late is not sent when the booking says something else by then."""
LETTER = """Hello {name},

{first}

{what}
{when}
{location}, {address}
{reason}
{last}
{link}
"""


@dataclass(frozen=True)
class Notice:
    """For one patient, in words that no channel has to add to."""

    email: str
    telegram_id: int | None
    subject: str
    text: str
    calendar: bytes | None
    """iCalendar, where there is a time to note."""


def tell(db: Session, booking: Booking, kind: Kind, *, reason: str = "") -> None:
    """Tell the patient once the transaction has been committed."""
    enqueue(db, NOTIFY, booking_id=booking.id, kind=kind, reason=reason)


def booked(db: Session, booking: Booking, kind: Kind = Kind.BOOKED) -> None:
    """Tell of the booking, or of its new time, and remind of it a day before, unless it is nearer."""
    tell(db, booking, kind)
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
    zone = booking.time_zone
    text = LETTER.format(
        name=booking.name,
        first=FIRST[kind].format(until=clock(booking.held_until, zone) if booking.held_until else ""),
        what=booking.doctor_name or booking.diagnostic_name,
        when=clock(booking.starts_at, zone),
        location=booking.location_name,
        address=booking.address,
        reason=f"\nReason: {reason}\n" if reason else "",
        last=LAST.get(kind, "To move or cancel it, or to note it in your calendar:"),
        link=link(booking),
    )
    noted = kind in (Kind.BOOKED, Kind.MOVED, Kind.CANCELLED)
    return Notice(
        email=booking.email,
        telegram_id=booking.telegram_id,
        subject=SUBJECT[kind],
        text=text,
        calendar=as_calendar(db, booking) if noted else None,
    )


def clock(moment: dt.datetime, time_zone: str) -> str:
    """As people there read it."""
    return f"{moment.astimezone(zoneinfo.ZoneInfo(time_zone)):%A, %-d %B %Y, %H:%M} ({time_zone})"


def link(booking: Row[Any]) -> str:
    """Where the patient sees it: a page of the team's, if there is one, else the API. A guest's bears the key."""
    settings = get_settings()
    key = "" if booking.patient_id else patients.key_of("booking", booking.id)
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


_IN_CALENDARS = {BookingStatus.CANCELLED: "CANCELLED", BookingStatus.PENDING: "TENTATIVE"}


def by_mail(notice: Notice) -> None:
    calendar = notice.calendar
    attached = mail.Attachment("booking.ics", calendar, "calendar", {"method": METHOD}) if calendar else None
    mail.send(to=notice.email, subject=notice.subject, text=notice.text, attached=attached)


CHANNELS: tuple[Callable[[Notice], None], ...] = (by_mail,)
