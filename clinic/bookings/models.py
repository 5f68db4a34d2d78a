"""Bookings, their history, the waiting list, and the Telegram init data that has been used.

Three exclusion constraints prevent overlapping bookings, even if the code has a bug.
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
    """A subset of FHIR's appointment status codes (hl7.org/fhir/valueset-appointmentstatus.html)."""

    PENDING = "pending"
    """A hold, an offer to a patient on the waiting list, or a guest's booking that the guest has not confirmed, until
    `held_until`."""
    BOOKED = "booked"
    ARRIVED = "arrived"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"


TAKES_TIME = (BookingStatus.PENDING, BookingStatus.BOOKED, BookingStatus.ARRIVED, BookingStatus.FULFILLED)


def _no_overlap(name: str, column: str, until: str) -> ExcludeConstraint:
    """Return a constraint against overlapping bookings with the same value of `column`.

    GiST has no operator class for integers without the extension btree_gist. Ranges of one number do not need it.
    """
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
    """The patient of a booking or a waiting-list entry. A hold has no patient: all but `language` are null."""

    patient_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"), index=True)
    """Null: a guest, or the account has been deleted."""
    patient_key: Mapped[int | None] = mapped_column(BigInteger)
    """Identifies the patient in constraints: the account's id, or a negative number computed from a guest's contact."""
    name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(32))
    language: Mapped[Language] = mapped_column(choice(Language, "language"), server_default=Language.EN)
    """The language of e-mails to the patient: the account's, or the one preferred by a guest's browser."""
    telegram_id: Mapped[int | None] = mapped_column(BigInteger)
    """The Telegram user, if the booking was made in Telegram."""
    origin_key: Mapped[int | None] = mapped_column(BigInteger)
    """Pseudonym of what made the booking: a guest's network address, an account, or a user of Telegram. Each may have
    few open ones. Null for those that staff make."""


class Booking(Patient, Timestamps, Model):
    __tablename__ = "bookings"
    __table_args__ = (
        CheckConstraint("num_nonnulls(doctor_id, station_id) = 1", name="a_doctor_or_a_station"),
        CheckConstraint("(station_id IS NULL) = (diagnostic_id IS NULL)", name="a_station_is_of_a_diagnostic"),
        CheckConstraint("starts_at < ends_at AND ends_at <= occupied_until", name="it_takes_time"),
        CheckConstraint("(status = 'pending') = (held_until IS NOT NULL)", name="pending_until"),
        CheckConstraint("status IN ('pending', 'cancelled') OR email IS NOT NULL", name="somebody_comes"),
        CheckConstraint("status IN ('pending', 'cancelled') OR NOT unconfirmed", name="guests_confirm_first"),
        _no_overlap(DOCTOR_OVERLAP, "doctor_id", "occupied_until"),
        _no_overlap(STATION_OVERLAP, "station_id", "occupied_until"),
        _no_overlap(PATIENT_OVERLAP, "patient_key", "ends_at"),
        Index("ix_bookings_doctor_id", "doctor_id", "starts_at"),
        Index("ix_bookings_station_id", "station_id", "starts_at"),
        Index("ix_bookings_starts_at", "starts_at", "id"),
        Index("ix_bookings_diagnostic_id", "diagnostic_id", "starts_at"),
        Index("ix_bookings_location_id", "location_id", "starts_at"),
        Index("ix_bookings_status", "status", "starts_at"),
        Index("ix_bookings_held_until", "held_until", postgresql_where=text("status = 'pending'")),
        Index(
            "ix_bookings_origin_key",
            "origin_key",
            postgresql_where=text("origin_key IS NOT NULL AND status IN ('pending', 'booked')"),
        ),
    )

    doctor_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("doctors.id"))
    diagnostic_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("diagnostics.id"))
    station_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("stations.id"))
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("locations.id"))
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    occupied_until: Mapped[dt.datetime]
    """`ends_at` plus the buffer."""
    status: Mapped[BookingStatus] = mapped_column(choice(BookingStatus, "status"))
    held_until: Mapped[dt.datetime | None]
    unconfirmed: Mapped[bool] = mapped_column(server_default="false")
    """Whether the guest who made the booking has not confirmed it yet, with the link in the mail."""
    price: Mapped[int]
    """The price when the booking was made."""
    message: Mapped[str] = mapped_column(Text, default="")
    """A message from the patient."""
    reminder_job_id: Mapped[int | None] = mapped_column(BigInteger)
    """The job that sends the reminder. Earlier reminder jobs of the booking send nothing."""
    notice_job_id: Mapped[int | None] = mapped_column(BigInteger)
    """The job that sends the last notice. The next notice replaces it if it has not been sent yet."""


class BookingEvent(Model):
    """A change of a booking. Together they are its history."""

    __tablename__ = "booking_events"

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bookings.id", ondelete="CASCADE"), index=True)
    at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    """The account that made the change. Null: a guest, or the system."""
    status: Mapped[BookingStatus] = mapped_column(choice(BookingStatus, "status"))
    """The status after the change. `starts_at` and `location_id` are those after the change, too."""
    starts_at: Mapped[dt.datetime]
    location_id: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text, default="")


class Waiting(Patient, Model):
    """An entry of the waiting list. A slot that becomes free is offered to the oldest entry first."""

    __tablename__ = "waiting"
    __table_args__ = (
        CheckConstraint("num_nonnulls(doctor_id, diagnostic_id) = 1", name="a_doctor_or_a_diagnostic"),
        CheckConstraint("first_day <= last_day", name="days_in_order"),
        Index("ix_waiting_origin_key", "origin_key", postgresql_where=text("origin_key IS NOT NULL")),
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
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("locations.id", ondelete="CASCADE"), index=True)
    first_day: Mapped[dt.date] = mapped_column(Date)
    last_day: Mapped[dt.date] = mapped_column(Date)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class InitData(Model):
    """Telegram init data that has been used. It is not accepted a second time."""

    __tablename__ = "telegram_init_data"

    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    used_at: Mapped[dt.datetime] = mapped_column(server_default=func.now(), index=True)


def columns_of(patient: Any) -> dict[str, Any]:
    """Return the columns of a `Patient`, for another row of the same person."""
    names = ("patient_id", "patient_key", "name", "email", "phone", "telegram_id", "language", "origin_key")
    return {name: getattr(patient, name) for name in names}
