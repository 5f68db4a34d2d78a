"""Queries on `doctors`, `specialties`, `doctor_locations` and `reviews`."""

import enum
import operator
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from clinic.doctors.models import Doctor, DoctorLocation, Review, Specialty
from conf.db import rows
from conf.db.search import prefix_query
from conf.errors import Conflict, Invalid, NotFound
from conf.values import ANY, Expected

NO_SPECIALTY = {"fk_doctors_specialty_id": partial(Invalid, "There is no such specialty.", field="specialty_id")}
HAS_BOOKINGS = {
    "fk_bookings_doctor_id": partial(
        Conflict, "The doctor has bookings. Set is_active to false to hide the doctor instead."
    )
}
SAME_NAME = {"uq_specialties_name": partial(Conflict, "There is already a specialty with this name.", field="name")}
HAS_DOCTORS = {
    "fk_doctors_specialty_id": partial(Conflict, "There are doctors with this specialty. Change their specialty first.")
}
RATED = {"uq_reviews_doctor_id_patient_key": partial(Conflict, "You have already reviewed this doctor.")}


class DoctorSort(enum.StrEnum):
    NEWEST = "newest"
    RATING = "rating"
    PRICE = "price"
    PRICE_DOWN = "price_down"
    EXPERIENCE = "experience"


ORDER: dict[DoctorSort, tuple[InstrumentedAttribute[int], bool]] = {
    DoctorSort.NEWEST: (Doctor.id, True),
    DoctorSort.RATING: (Doctor.rating_hundredths, True),
    DoctorSort.PRICE: (Doctor.price, False),
    DoctorSort.PRICE_DOWN: (Doctor.price, True),
    DoctorSort.EXPERIENCE: (Doctor.experience_years, True),
}
"""The column to sort by, and whether in descending order. Equal values: newest first."""


def get(db: Session, *, doctor_id: int, include_inactive: bool = True) -> Doctor:
    """Return the doctor with specialty and locations. Raises: NotFound, also if inactive, unless `include_inactive`."""
    query = select(Doctor).where(Doctor.id == doctor_id).options(selectinload(Doctor.locations))
    doctor = db.scalars(query).one_or_none()
    if doctor is None or not (doctor.is_active or include_inactive):
        raise NotFound("doctor", doctor_id)
    return doctor


def page(
    db: Session,
    *,
    sort: DoctorSort,
    after: tuple[int, int] | None,
    limit: int,
    include_inactive: bool = False,
    specialty_id: int | None = None,
    location_id: int | None = None,
    min_price: int | None = None,
    max_price: int | None = None,
    min_rating: float | None = None,
    words: str | None = None,
) -> Sequence[Doctor]:
    """Return a page of doctors with specialty and locations.

    `after`: the sorted column and the id of the last doctor of the previous page. `include_inactive`: include inactive
    doctors.
    """
    query = select(Doctor).options(selectinload(Doctor.locations)).limit(limit)
    sorted_by, largest_first = ORDER[sort]
    query = query.order_by(sorted_by.desc() if largest_first else sorted_by, Doctor.id.desc())
    if after is not None:
        beyond = sorted_by < after[0] if largest_first else sorted_by > after[0]
        query = query.where(or_(beyond, and_(sorted_by == after[0], Doctor.id < after[1])))
    if not include_inactive:
        query = query.where(Doctor.is_active)
    if location_id is not None:
        works_there = DoctorLocation.doctor_id == Doctor.id, DoctorLocation.location_id == location_id
        query = query.where(exists().where(*works_there))
    for value, column, compare in (
        (specialty_id, Doctor.specialty_id, operator.eq),
        (min_price, Doctor.price, operator.ge),
        (max_price, Doctor.price, operator.le),
        (min_rating and round(min_rating * 100), Doctor.rating_hundredths, operator.ge),
    ):
        if value is not None:
            query = query.where(compare(column, value))
    if words is not None:
        query = query.where(_matches(words))
    return db.scalars(query).all()


def _matches(words: str) -> ColumnElement[bool]:
    """Match if every word is a prefix of a word in the doctor's texts, or every word in the specialty's name."""
    query = prefix_query(words)
    of_specialty = select(Specialty.id).where(func.to_tsvector("simple", Specialty.name).op("@@")(query))
    return or_(Doctor.words.op("@@")(query), Doctor.specialty_id.in_(of_specialty))


def create(db: Session, **values: Any) -> Doctor:
    """Create a doctor. Raises: Invalid, if the specialty does not exist."""
    return _save(db, Doctor(**values))


def lock(db: Session, *, doctor_id: int, expected: Expected = ANY) -> Doctor:
    """Return the doctor, locked until the transaction ends. Raises: NotFound; VersionMismatch."""
    return rows.lock(db, Doctor, doctor_id, expected=expected)


def change(db: Session, *, doctor_id: int, expected: Expected, **values: Any) -> Doctor:
    """Set the named columns. Raises: NotFound; VersionMismatch; Invalid, if the specialty does not exist."""
    return _save(db, lock(db, doctor_id=doctor_id, expected=expected), **values)


def _save(db: Session, doctor: Doctor, **values: Any) -> Doctor:
    for name, value in values.items():
        setattr(doctor, name, value)
    searchable = " ".join([doctor.name, doctor.about, *doctor.services])
    rows.save(db, doctor, NO_SPECIALTY, words=func.to_tsvector("simple", searchable))
    db.expire(doctor)
    return get(db, doctor_id=doctor.id)


def remove(db: Session, *, doctor_id: int, expected: Expected) -> None:
    """Delete the doctor. Raises: NotFound; VersionMismatch; Conflict, if there are bookings."""
    doctor = lock(db, doctor_id=doctor_id, expected=expected)
    db.execute(delete(DoctorLocation).where(DoctorLocation.doctor_id == doctor_id))
    rows.delete(db, doctor, HAS_BOOKINGS)


def locations(db: Session, *, doctor_id: int, include_inactive: bool) -> Sequence[DoctorLocation]:
    """Return where and when the doctor works. Include inactive locations if `include_inactive`."""
    query = select(DoctorLocation).where(DoctorLocation.doctor_id == doctor_id).order_by(DoctorLocation.location_id)
    return [row for row in db.scalars(query) if row.location.is_active or include_inactive]


def put_location(db: Session, *, doctor_id: int, location_id: int, expected: Expected, **values: Any) -> DoctorLocation:
    """Set the doctor's working hours at the location.

    Raises: NotFound, if the doctor or the location does not exist; VersionMismatch.
    """
    lock(db, doctor_id=doctor_id)
    row = _location(db, doctor_id=doctor_id, location_id=location_id)
    if row is not None:
        expected.check(row.updated_at)
    else:
        row = DoctorLocation(doctor_id=doctor_id, location_id=location_id)
    no_location = {"fk_doctor_locations_location_id": partial(NotFound, "location", location_id)}
    rows.save(db, row, no_location, **values)
    db.refresh(row)
    return row


def remove_location(db: Session, *, doctor_id: int, location_id: int) -> None:
    """Remove the doctor from the location. Existing bookings are kept. Raises: NotFound."""
    lock(db, doctor_id=doctor_id)
    row = _location(db, doctor_id=doctor_id, location_id=location_id)
    if row is None:
        raise NotFound(f"doctor {doctor_id} at location", location_id)
    rows.delete(db, row)


def _location(db: Session, *, doctor_id: int, location_id: int) -> DoctorLocation | None:
    where = DoctorLocation.doctor_id == doctor_id, DoctorLocation.location_id == location_id
    return db.scalars(select(DoctorLocation).where(*where)).one_or_none()


def specialties(db: Session, *, after_id: int | None, limit: int, unused: bool) -> Sequence[Specialty]:
    """Return a page of specialties in order of creation. Include those without an active doctor if `unused`."""
    query = select(Specialty).where(Specialty.id > (after_id or 0)).order_by(Specialty.id).limit(limit)
    if not unused:
        query = query.where(exists().where(Doctor.specialty_id == Specialty.id, Doctor.is_active))
    return db.scalars(query).all()


def get_specialty(db: Session, *, specialty_id: int) -> Specialty:
    """Return the specialty. Raises: NotFound."""
    return rows.get(db, Specialty, specialty_id)


def create_specialty(db: Session, **values: Any) -> Specialty:
    """Create a specialty. Raises: Conflict, if there is already one with this name."""
    return rows.save(db, Specialty(**values), SAME_NAME)


def rename_specialty(db: Session, *, specialty_id: int, expected: Expected, **values: Any) -> Specialty:
    """Rename the specialty. Raises: NotFound; VersionMismatch; Conflict, if another specialty has this name."""
    return rows.save(db, rows.lock(db, Specialty, specialty_id, expected=expected), SAME_NAME, **values)


def remove_specialty(db: Session, *, specialty_id: int, expected: Expected) -> None:
    """Delete the specialty. Raises: NotFound; VersionMismatch; Conflict, if a doctor has it."""
    rows.delete(db, rows.lock(db, Specialty, specialty_id, expected=expected), HAS_DOCTORS)


def reviews(db: Session, *, doctor_id: int, before_id: int | None, limit: int) -> Sequence[Review]:
    """Return a page of the doctor's reviews, newest first."""
    query = select(Review).where(Review.doctor_id == doctor_id).order_by(Review.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(Review.id < before_id)
    return db.scalars(query).all()


def create_review(db: Session, *, doctor_id: int, rating: int, **values: Any) -> Review:
    """Create a review. Raises: Conflict, if the patient has already reviewed the doctor."""
    review = rows.save(db, Review(doctor_id=doctor_id, rating=rating, **values), RATED)
    _count(db, doctor_id=doctor_id, stars=rating, reviews=1)
    return review


def lock_review(db: Session, *, review_id: int) -> Review:
    """Return the review, locked until the transaction ends, after locking its doctor. Raises: NotFound."""
    lock(db, doctor_id=rows.get(db, Review, review_id).doctor_id)
    return rows.lock(db, Review, review_id)


def remove_review(db: Session, *, review: Review) -> None:
    _count(db, doctor_id=review.doctor_id, stars=-review.rating, reviews=-1)
    rows.delete(db, review)


def _count(db: Session, *, doctor_id: int, stars: int, reviews: int) -> None:
    """Add to the doctor's review totals. `updated_at` does not change, so an ETag that staff have read stays valid."""
    values: dict[str, Any] = {"stars": Doctor.stars + stars, "reviews": Doctor.reviews + reviews}
    db.execute(update(Doctor).where(Doctor.id == doctor_id).values(updated_at=Doctor.updated_at, **values))
