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
from clinic.bookings.models import Booking, Status
from conf import mail
from conf._celery.enqueue import enqueue
from conf.errors import NotFound
from conf.settings import get_settings

NOTIFY = "clinic.bookings.notify"
REMIND = dt.timedelta(hours=24)


class Kind(enum.StrEnum):
    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    REMINDER = "reminder"
    OFFERED = "offered"
    RESULT = "result"


SUBJECT = {
    Kind.BOOKED: "Your booking",
    Kind.MOVED: "Your booking has been moved",
    Kind.CANCELLED: "Your booking has been cancelled",
    Kind.REMINDER: "Your booking is tomorrow",
    Kind.OFFERED: "A time has become free",
    Kind.RESULT: "Your result is there",
}
FIRST = {
    Kind.BOOKED: "your booking is confirmed.",
    Kind.MOVED: "your booking has been moved. It is now:",
    Kind.CANCELLED: "this booking has been cancelled.",
    Kind.REMINDER: "this is to remind you of your booking.",
    Kind.OFFERED: "a time that you are waiting for has become free, and is kept for you until {until}.",
    Kind.RESULT: "there is a result of your visit.",
}
LAST = {
    Kind.CANCELLED: "Book another time whenever you like:",
    Kind.OFFERED: "Confirm it, or leave it to the next who waits:",
    Kind.RESULT: "You find it here:",
}
WHILE: dict[Kind, Status] = {
    Kind.BOOKED: Status.BOOKED,
    Kind.MOVED: Status.BOOKED,
    Kind.REMINDER: Status.BOOKED,
    Kind.CANCELLED: Status.CANCELLED,
    Kind.OFFERED: Status.PENDING,
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
    wait = booking.starts_at - REMIND - times.now()
    if wait > dt.timedelta():
        enqueue(
            db,
            NOTIFY,
            delay_s=wait.total_seconds(),
            booking_id=booking.id,
            kind=Kind.REMINDER,
            starts_at=booking.starts_at.isoformat(),
        )


def write(db: Session, *, booking_id: int, kind: Kind, starts_at: str, reason: str) -> Notice | None:
    """What to tell now; None when there is nothing to tell any more. `starts_at`: of a reminder, what it is for."""
    try:
        booking = crud.view(db, booking_id=booking_id)
    except NotFound:
        return None
    moved = starts_at and dt.datetime.fromisoformat(starts_at) != booking.starts_at
    if moved or booking.email is None or WHILE.get(kind, booking.status) != booking.status:
        return None
    zone = zoneinfo.ZoneInfo(booking.time_zone)
    text = LETTER.format(
        name=booking.name,
        first=FIRST[kind].format(until=_clock(booking.held_until, zone) if booking.held_until else ""),
        what=booking.doctor_name or booking.diagnostic_name,
        when=_clock(booking.starts_at, zone),
        location=booking.location_name,
        address=booking.address,
        reason=f"\n{reason}\n" if reason else "",
        last=LAST.get(kind, "To move or cancel it, or to note it in your calendar:"),
        link=link(booking),
    )
    noted = kind not in (Kind.REMINDER, Kind.OFFERED, Kind.RESULT)
    return Notice(
        email=booking.email,
        telegram_id=booking.telegram_id,
        subject=SUBJECT[kind],
        text=text,
        calendar=calendar(db, booking) if noted else None,
    )


def _clock(moment: dt.datetime, zone: zoneinfo.ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%A, %-d %B %Y, %H:%M} ({zone.key})"


def link(booking: Row[Any]) -> str:
    """Where the patient sees it: a page of the team's, if there is one, else the API. A guest's bears the key."""
    settings = get_settings()
    key = "" if booking.patient_id else patients.key_of("booking", booking.id)
    if settings.booking_page_url:
        return f"{settings.booking_page_url}#booking={booking.id}" + (f"&key={key}" if key else "")
    return f"{settings.public_url}/api/v1/bookings/{booking.id}/" + (f"?key={key}" if key else "")


def calendar(db: Session, booking: Row[Any]) -> bytes:
    """The booking as iCalendar (RFC 5545). One that comes later takes the place of those before (`SEQUENCE`)."""
    event = Event()
    event.add("uid", f"booking-{booking.id}@{urlsplit(get_settings().public_url).hostname}")
    event.add("sequence", max(0, crud.count_events(db, booking_id=booking.id) - 1))
    event.add("dtstamp", booking.updated_at)
    event.add("dtstart", booking.starts_at)
    event.add("dtend", booking.ends_at)
    event.add("summary", booking.doctor_name or booking.diagnostic_name)
    event.add("location", f"{booking.location_name}, {booking.address}")
    event.add("status", {Status.CANCELLED: "CANCELLED", Status.PENDING: "TENTATIVE"}.get(booking.status, "CONFIRMED"))
    made = Calendar()
    made.add("prodid", "-//Campus//clinic//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add_component(event)
    return bytes(made.to_ical())


def by_mail(notice: Notice) -> None:
    attached = mail.Attachment("booking.ics", "text/calendar", notice.calendar) if notice.calendar else None
    mail.send(to=notice.email, subject=notice.subject, text=notice.text, attached=attached)


CHANNELS: tuple[Callable[[Notice], None], ...] = (by_mail,)
