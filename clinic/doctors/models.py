"""Doctors, what they are doctors of, where they work, and what patients say of them."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.bookable.models import Bookable
from clinic.locations.models import Location, Schedule
from conf.db.models import Model, Timestamps

RATING = "CASE WHEN reviews > 0 THEN round(100.0 * stars / reviews)::int ELSE 0 END"


class Specialty(Timestamps, Model):
    __tablename__ = "specialties"

    name: Mapped[str] = mapped_column(String(100))


Index("uq_specialties_name", func.lower(Specialty.name), unique=True)


class DoctorLocation(Schedule, Timestamps, Model):
    """When a doctor is at a location; open to patients only while the location is."""

    __tablename__ = "doctor_locations"
    __table_args__ = (UniqueConstraint("doctor_id", "location_id"),)

    doctor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("doctors.id", ondelete="CASCADE"))
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("locations.id"), index=True)
    location: Mapped[Location] = relationship(lazy="joined", innerjoin=True)


class Doctor(Bookable, Model):
    __tablename__ = "doctors"

    specialty_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("specialties.id"), index=True)
    specialty: Mapped[Specialty] = relationship(lazy="joined", innerjoin=True)
    about: Mapped[str] = mapped_column(Text)
    experience_years: Mapped[int] = mapped_column(SmallInteger)
    certificates: Mapped[list[str]] = mapped_column(ARRAY(String(200)), default=list)
    services: Mapped[list[str]] = mapped_column(ARRAY(String(200)), default=list)
    words: Mapped[str] = mapped_column(TSVECTOR, deferred=True)
    """What a search looks at: name, about, services. Whoever writes those writes it."""
    stars: Mapped[int] = mapped_column(default=0)
    """Of all reviews together."""
    reviews: Mapped[int] = mapped_column(default=0)
    """How many there are."""
    rating_hundredths: Mapped[int] = mapped_column(Computed(RATING, persisted=True))
    """Stars a review, times 100; 0 without reviews."""
    locations: Mapped[list[DoctorLocation]] = relationship(lazy="raise", order_by=DoctorLocation.location_id)

    @property
    def rating(self) -> float | None:
        return self.rating_hundredths / 100 if self.reviews else None


Index("ix_doctors_words", Doctor.words, postgresql_using="gin")
Index("ix_doctors_rating", Doctor.rating_hundredths.desc(), Doctor.id)
Index("ix_doctors_price", Doctor.price, Doctor.id)


class Review(Model, Timestamps):
    """By a patient, once for each doctor. Nothing of it tells who wrote it."""

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("doctor_id", "patient_key"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="one_to_five_stars"),
    )

    doctor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("doctors.id", ondelete="CASCADE"))
    patient_key: Mapped[int] = mapped_column(BigInteger)
    """As in `bookings`."""
    rating: Mapped[int] = mapped_column(SmallInteger)
    text: Mapped[str] = mapped_column(Text)
