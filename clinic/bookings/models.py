"""Bookings, what happened to them, who waits for one, and which sign-ins of Telegram have been used.

That nothing is booked twice is held by the three exclusion constraints, whatever the code does.
"""

import datetime as dt
import enum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, Timestamps, choice
from conf.values import Language


class BookingStatus(enum.StrEnum):
    """Those of FHIR's Appointment that a clinic of this size needs (hl7.org/fhir/valueset-appointmentstatus.html)."""

    PENDING = "pending"
    """Held for somebody, until `held_until`."""
    BOOKED = "booked"
    ARRIVED = "arrived"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"


TAKES_TIME = (BookingStatus.PENDING, BookingStatus.BOOKED, BookingStatus.ARRIVED, BookingStatus.FULFILLED)


def _no_overlap(name: str, column: str, until: str) -> ExcludeConstraint:
    """No two bookings of the same `column` at a time. Ranges of one number make an extension needless."""
    statuses = ", ".join(f"'{status}'" for status in TAKES_TIME)
    return ExcludeConstraint(
        (text(f"int8range({column}, {column}, '[]')"), "&&"),
        (text(f"tstzrange(starts_at, {until})"), "&&"),
        using="gist",
        where=text(f"{column} IS NOT NULL AND status IN ({statuses})"),
        name=name,
    )


DOCTOR_OVERLAP, STATION_OVERLAP, PATIENT_OVERLAP = (f"ex_bookings_{name}" for name in ("doctor", "station", "patient"))


class Patient:
    """Who comes. Nobody yet, where a time is only held."""

    patient_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"), index=True)
    """Null: a guest, or the account is gone."""
    patient_key: Mapped[int | None] = mapped_column(BigInteger)
    """Who it is for the database: the account's id, or a number below 0 made of what a guest says."""
    name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(32))
    language: Mapped[Language] = mapped_column(choice(Language, "language"), server_default=Language.EN)
    """Of the mails to the patient: the account's, or the one that a guest's browser asked for."""
    telegram_id: Mapped[int | None] = mapped_column(BigInteger)
    """The user at Telegram, where the booking came from there."""


class Booking(Patient, Timestamps, Model):
    __tablename__ = "bookings"
    __table_args__ = (
        CheckConstraint("num_nonnulls(doctor_id, station_id) = 1", name="a_doctor_or_a_station"),
        CheckConstraint("(station_id IS NULL) = (diagnostic_id IS NULL)", name="a_station_is_of_a_diagnostic"),
        CheckConstraint("starts_at < ends_at AND ends_at <= occupied_until", name="it_takes_time"),
        CheckConstraint("(status = 'pending') = (held_until IS NOT NULL)", name="pending_until"),
        CheckConstraint("status IN ('pending', 'cancelled') OR email IS NOT NULL", name="somebody_comes"),
        _no_overlap(DOCTOR_OVERLAP, "doctor_id", "occupied_until"),
        _no_overlap(STATION_OVERLAP, "station_id", "occupied_until"),
        _no_overlap(PATIENT_OVERLAP, "patient_key", "ends_at"),
        Index("ix_bookings_doctor_id", "doctor_id", "starts_at"),
        Index("ix_bookings_station_id", "station_id", "starts_at"),
        Index("ix_bookings_starts_at", "starts_at", "id"),
        Index("ix_bookings_held_until", "held_until", postgresql_where=text("status = 'pending'")),
    )

    doctor_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("doctors.id"))
    diagnostic_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("diagnostics.id"), index=True)
    station_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("stations.id"))
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("locations.id"), index=True)
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    occupied_until: Mapped[dt.datetime]
    """`ends_at` and the buffer behind it."""
    status: Mapped[BookingStatus] = mapped_column(choice(BookingStatus, "status"))
    held_until: Mapped[dt.datetime | None]
    price: Mapped[int]
    """As it was when the booking was made."""
    message: Mapped[str] = mapped_column(Text, default="")
    """From the patient."""
    reminder_job_id: Mapped[int | None] = mapped_column(BigInteger)
    """The job that reminds of it; those before it say nothing."""


class BookingEvent(Model):
    """A change of a booking."""

    __tablename__ = "booking_events"

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bookings.id", ondelete="CASCADE"), index=True)
    at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    """The account that did it; null: a guest, or the house itself."""
    status: Mapped[BookingStatus] = mapped_column(choice(BookingStatus, "status"))
    """From then on; so is what follows."""
    starts_at: Mapped[dt.datetime]
    location_id: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text, default="")


class Waiting(Patient, Model):
    """Who would come if a time became free; the first who waits is offered it."""

    __tablename__ = "waiting"
    __table_args__ = (
        CheckConstraint("num_nonnulls(doctor_id, diagnostic_id) = 1", name="a_doctor_or_a_diagnostic"),
        CheckConstraint("first_day <= last_day", name="days_in_order"),
        Index(
            "uq_waiting_once",
            "patient_key",
            "location_id",
            func.coalesce(Column("doctor_id"), 0),
            func.coalesce(Column("diagnostic_id"), 0),
            unique=True,
            postgresql_where=text("patient_id IS NOT NULL"),
        ),
    )

    doctor_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("doctors.id", ondelete="CASCADE"), index=True)
    diagnostic_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("diagnostics.id", ondelete="CASCADE"), index=True
    )
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("locations.id", ondelete="CASCADE"))
    first_day: Mapped[dt.date] = mapped_column(Date)
    last_day: Mapped[dt.date] = mapped_column(Date)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class InitData(Model):
    """What Telegram signed and somebody has used: not a second time."""

    __tablename__ = "telegram_init_data"

    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    used_at: Mapped[dt.datetime] = mapped_column(server_default=func.now(), index=True)


def columns_of(patient: Any) -> dict[str, Any]:
    """Of a `Patient`, to make another row for the same person."""
    names = ("patient_id", "patient_key", "name", "email", "phone", "telegram_id", "language")
    return {name: getattr(patient, name) for name in names}
