"""Notices to patients about their bookings. A job sends each notice by mail; to add another channel, add a function to
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
from conf.db import rows
from conf.errors import NotFound
from conf.settings import get_settings
from conf.texts import Texts, clock

NOTIFY = "clinic.bookings.notify"
REMIND = dt.timedelta(hours=24)
SETTLE = dt.timedelta(minutes=1)
"""How long a notice of a change waits for further changes."""
METHOD = "PUBLISH"
"""The iCalendar method: an event is published and no reply is expected (RFC 5546, 3.2.1)."""


class Kind(enum.StrEnum):
    """The reason for a notice."""

    CONFIRM = "confirm"
    """A guest has to confirm the booking."""
    BOOKED = "booked"
    MOVED = "moved"
    """The booking was rescheduled."""
    CANCELLED = "cancelled"
    REMINDER = "reminder"
    OFFERED = "offered"
    OFFER_EXPIRED = "lapsed"
    """The offer expired."""
    RESULT = "result"
    """A result is ready."""


SUBJECT = {
    Kind.CONFIRM: "confirm-subject",
    Kind.BOOKED: "booked-subject",
    Kind.MOVED: "moved-subject",
    Kind.CANCELLED: "cancelled-subject",
    Kind.REMINDER: "reminder-subject",
    Kind.OFFERED: "offered-subject",
    Kind.OFFER_EXPIRED: "offer-expired-subject",
    Kind.RESULT: "result-subject",
}
INTRODUCTION = {
    Kind.CONFIRM: "confirm",
    Kind.BOOKED: "booked",
    Kind.MOVED: "moved",
    Kind.CANCELLED: "cancelled",
    Kind.REMINDER: "reminder",
    Kind.OFFERED: "offered",
    Kind.OFFER_EXPIRED: "lapsed",
    Kind.RESULT: "result",
}
"""The first sentence of the mail."""
LINK = {
    Kind.CONFIRM: "confirm-link",
    Kind.CANCELLED: "cancelled-link",
    Kind.OFFERED: "offered-link",
    Kind.OFFER_EXPIRED: "offer-expired-link",
    Kind.RESULT: "result-link",
}
"""The text before the link at the end. The other kinds have "change-link"."""
TEXTS = Texts("clinic")
REQUIRED_STATUS: dict[Kind, BookingStatus] = {
    Kind.CONFIRM: BookingStatus.PENDING,
    Kind.BOOKED: BookingStatus.BOOKED,
    Kind.MOVED: BookingStatus.BOOKED,
    Kind.REMINDER: BookingStatus.BOOKED,
    Kind.CANCELLED: BookingStatus.CANCELLED,
    Kind.OFFERED: BookingStatus.PENDING,
    Kind.OFFER_EXPIRED: BookingStatus.CANCELLED,
}
"""A notice is not sent if the booking no longer has this status when the job runs."""


def purpose_of(kind: Kind) -> str:
    """Return the purpose by which mails are limited. Strangers can have a mail to confirm a booking sent to anybody, so
    it does not count against the patient's other mails."""
    return "clinic: confirm" if kind == Kind.CONFIRM else "clinic"


@dataclass(frozen=True)
class Notice:
    """A notice to one patient, with its complete text for every channel."""

    email: str
    telegram_id: int | None
    subject: str
    text: str
    calendar: bytes | None
    """An iCalendar file, if the time of the booking is new, changed or cancelled."""


def notify(db: Session, booking: Booking, kind: Kind, *, reason: str = "", delay_s: float = 0) -> None:
    """Enqueue a notice to the patient. It is sent after the commit and the delay, as is any change soon after.

    It replaces the last notice of the booking if that has not been sent yet. So the patient gets one mail for several
    changes within `SETTLE`. A patient who has not been told of the booking yet is told of it, not of its change.
    """
    if kind == Kind.RESULT:
        enqueue(db, NOTIFY, delay_s=delay_s, booking_id=booking.id, kind=kind, reason=reason)
        return
    replaced = _drop(db, booking.notice_job_id)
    if kind == Kind.MOVED and replaced == Kind.BOOKED:
        kind = Kind.BOOKED
    if kind in (Kind.MOVED, Kind.CANCELLED):
        delay_s = max(delay_s, SETTLE.total_seconds())
    job = enqueue(db, NOTIFY, delay_s=delay_s, booking_id=booking.id, kind=kind, reason=reason)
    crud.set_jobs(db, booking_id=booking.id, notice_job_id=job.id)


def _drop(db: Session, job_id: int | None) -> str | None:
    """Delete the job of a notice if it has not been sent yet. Return its kind, or None if it has."""
    if job_id is None:
        return None
    try:
        kind: str = jobs_crud.get(db, job_id=job_id).args["kind"]
    except NotFound:
        return None
    return kind if jobs_crud.drop(db, job_id=job_id) else None


def postpone(db: Session, *, booking_id: int, kind: Kind, reason: str, job_id: int, wait_s: float) -> None:
    """Send the notice of this job later, unless another one has been enqueued meanwhile."""
    booking = rows.lock(db, Booking, booking_id)
    if kind == Kind.REMINDER and booking.reminder_job_id == job_id:
        later = enqueue(db, NOTIFY, delay_s=wait_s, booking_id=booking_id, kind=kind, reason=reason)
        crud.set_jobs(db, booking_id=booking_id, reminder_job_id=later.id)
    elif kind == Kind.RESULT or (kind != Kind.REMINDER and booking.notice_job_id in (job_id, None)):
        notify(db, booking, kind, reason=reason, delay_s=wait_s)


def notify_and_remind(db: Session, booking: Booking, kind: Kind = Kind.BOOKED) -> None:
    """Notify the patient of the booking or its new time, and schedule a reminder, if it is more than a day ahead."""
    notify(db, booking, kind)
    cancel_reminder(db, booking)
    wait = booking.starts_at - REMIND - times.now()
    if wait > dt.timedelta():
        reminder = enqueue(
            db, NOTIFY, delay_s=wait.total_seconds(), booking_id=booking.id, kind=Kind.REMINDER, reason=""
        )
        booking.reminder_job_id = reminder.id
    db.flush()


def cancel_reminder(db: Session, booking: Booking) -> None:
    """Drop the job of the reminder, if there is one."""
    if booking.reminder_job_id is not None:
        jobs_crud.drop(db, job_id=booking.reminder_job_id)
    booking.reminder_job_id = None


def compose(db: Session, *, booking_id: int, kind: Kind, reason: str, job_id: int) -> Notice | None:
    """Return the notice that the job has to send, or None if it no longer applies."""
    try:
        booking = crud.view(db, booking_id=booking_id)
    except NotFound:
        return None
    if booking.email is None or REQUIRED_STATUS.get(kind, booking.status) != booking.status:
        return None
    if kind == Kind.REMINDER and (booking.reminder_job_id != job_id or booking.starts_at <= times.now()):
        return None
    language, zone = booking.language, booking.time_zone
    until = clock(booking.held_until, zone, language) if booking.held_until else ""
    text = "\n".join(
        [
            TEXTS(language, "hello", name=booking.name),
            "",
            TEXTS(language, INTRODUCTION[kind], until=until),
            "",
            booking.doctor_name or booking.diagnostic_name,
            clock(booking.starts_at, zone, language),
            f"{booking.location_name}, {booking.address}",
            *(["", TEXTS(language, "reason", reason=reason)] if reason else []),
            "",
            TEXTS(language, LINK.get(kind, "change-link")),
            confirm_link(booking) if kind == Kind.CONFIRM else link(booking),
            "",
        ]
    )
    changes_calendar = kind in (Kind.BOOKED, Kind.MOVED, Kind.CANCELLED)
    return Notice(
        email=booking.email,
        telegram_id=booking.telegram_id,
        subject=TEXTS(language, SUBJECT[kind]),
        text=text,
        calendar=as_calendar(db, booking) if changes_calendar else None,
    )


def link(booking: Row[Any]) -> str:
    """Return the patient's link to the booking, at `booking_page_url` or else the API. A guest's link has a key."""
    settings = get_settings()
    key = "" if booking.patient_id else patients.link_key("booking", booking.id)
    if settings.booking_page_url:
        return f"{settings.booking_page_url}#booking={booking.id}" + (f"&key={key}" if key else "")
    return f"{settings.public_url}/api/v1/bookings/{booking.id}/" + (f"?key={key}" if key else "")


def confirm_link(booking: Row[Any]) -> str:
    """Return a guest's link to the page that confirms the booking. No log contains its key: it is in the fragment."""
    key = patients.link_key("booking", booking.id)
    return f"{get_settings().public_url}/bookings/confirm/#booking={booking.id}&key={key}"


def as_calendar(db: Session, booking: Row[Any]) -> bytes:
    """Return the booking as iCalendar (RFC 5545). `SEQUENCE` grows with each change, so calendars update it."""
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
    calendar = Calendar()
    calendar.add("prodid", "-//Campus//clinic//EN")
    calendar.add("version", "2.0")
    calendar.add("method", METHOD)
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def by_mail(notice: Notice) -> None:
    calendar = notice.calendar
    attached = mail.Attachment("booking.ics", calendar, "calendar", {"method": METHOD}) if calendar else None
    mail.send(to=notice.email, subject=notice.subject, text=notice.text, attached=attached)


CHANNELS: tuple[Callable[[Notice], None], ...] = (by_mail,)
