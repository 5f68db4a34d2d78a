"""Doctors, their specialties, their locations and their reviews."""

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
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from clinic.bookable.models import Bookable
from clinic.locations.models import Schedule
from conf.db.models import Model, Timestamps

RATING = "CASE WHEN reviews > 0 THEN round(100.0 * stars / reviews)::int ELSE 0 END"


class Specialty(Timestamps, Model):
    __tablename__ = "specialties"

    name: Mapped[str] = mapped_column(String(100))


SPECIALTY_WORDS = func.to_tsvector(text("'simple'"), Specialty.name)
Index("uq_specialties_name", func.lower(Specialty.name), unique=True)
Index("ix_specialties_words", SPECIALTY_WORDS, postgresql_using="gin")


class DoctorLocation(Schedule, Timestamps, Model):
    """The working hours of a doctor at a location. There are slots only while the location is open, too."""

    __tablename__ = "doctor_locations"
    __table_args__ = (UniqueConstraint("doctor_id", "location_id"),)

    doctor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("doctors.id", ondelete="CASCADE"))
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("locations.id"), index=True)


class Doctor(Bookable, Model):
    __tablename__ = "doctors"

    specialty_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("specialties.id"), index=True)
    about: Mapped[str] = mapped_column(Text)
    experience_years: Mapped[int] = mapped_column(SmallInteger)
    certificates: Mapped[list[str]] = mapped_column(ARRAY(String(200)), default=list)
    services: Mapped[list[str]] = mapped_column(ARRAY(String(200)), default=list)
    words: Mapped[str] = mapped_column(TSVECTOR, deferred=True)
    """The search vector of name, about and services. `crud` updates it when it writes a doctor."""
    stars: Mapped[int] = mapped_column(default=0)
    """The sum of the stars of all reviews."""
    reviews: Mapped[int] = mapped_column(default=0)
    """The number of reviews."""
    rating_hundredths: Mapped[int] = mapped_column(Computed(RATING, persisted=True))
    """The average number of stars times 100; 0 without reviews."""


Index("ix_doctors_words", Doctor.words, postgresql_using="gin")
Index("ix_doctors_rating", Doctor.rating_hundredths, Doctor.id)
Index("ix_doctors_price", Doctor.price, Doctor.id)
Index("ix_doctors_experience_years", Doctor.experience_years, Doctor.id)


class Review(Model, Timestamps):
    """A review by a patient, one per doctor. The API does not reveal its author."""

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("doctor_id", "patient_key"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="one_to_five_stars"),
    )

    doctor_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("doctors.id", ondelete="CASCADE"))
    patient_key: Mapped[int] = mapped_column(BigInteger)
    """The author: `patient_key` of the booking."""
    rating: Mapped[int] = mapped_column(SmallInteger)
    text: Mapped[str] = mapped_column(Text)
