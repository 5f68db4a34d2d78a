"""Queries on `doctors`, `specialties`, `doctor_locations` and `reviews`."""

import enum
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    tuple_,
    union,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from clinic.doctors.models import SPECIALTY_WORDS, Doctor, DoctorLocation, Review, Specialty
from clinic.locations.models import Location
from conf.db import rows
from conf.db.reads import Read, json_list, json_object
from conf.db.search import among, prefix_query, prefix_text
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


_doctors = Doctor.__table__.c
_SPECIALTY = json_object(Specialty.__table__).label("specialty")
_PLACE = json_object(Location.__table__, "id", "name", "address", "time_zone", "is_active")
_PLACES = json_list(
    _PLACE,
    source=DoctorLocation.__table__.join(Location.__table__),
    where=DoctorLocation.__table__.c.doctor_id == _doctors.id,
    order_by=Location.__table__.c.id,
).label("locations")
_RATING = case((_doctors.reviews > 0, _doctors.rating_hundredths / 100.0)).label("rating")
_SHOWN = select(*[one for one in _doctors if one.name != "words"], _RATING, _SPECIALTY, _PLACES).select_from(
    Doctor.__table__.join(Specialty.__table__)
)
_ONE = Read(_SHOWN.where(_doctors.id == bindparam("doctor_id")))


def _page_in_order(sort: DoctorSort) -> Read:
    """Return the statement for pages in this order."""
    column, largest_first = _doctors[ORDER[sort][0].key], ORDER[sort][1]
    last_value = bindparam("last_value", type_=Integer)
    last_id = bindparam("last_id", type_=BigInteger)
    if largest_first:
        beyond: ColumnElement[bool] = tuple_(column, _doctors.id) < tuple_(last_value, last_id)
    else:
        beyond = and_(column >= last_value, or_(column > last_value, _doctors.id < last_id))
    query = prefix_query("words")
    specialties = select(Specialty.id).where(SPECIALTY_WORDS.op("@@")(query))
    found = union(
        select(Doctor.id).where(Doctor.words.op("@@")(query)),
        select(Doctor.id).where(among(Doctor.specialty_id, specialties)),
    )
    return Read(
        _SHOWN.order_by(column.desc() if largest_first else column, _doctors.id.desc()).limit(bindparam("limit")),
        last_id=beyond,
        active=_doctors.is_active,
        location_id=exists().where(
            DoctorLocation.doctor_id == _doctors.id, DoctorLocation.location_id == bindparam("location_id")
        ),
        specialty_id=_doctors.specialty_id == bindparam("specialty_id"),
        min_price=_doctors.price >= bindparam("min_price"),
        max_price=_doctors.price <= bindparam("max_price"),
        min_rating=_doctors.rating_hundredths >= bindparam("min_rating"),
        # Every word is a prefix of a word in the doctor's texts, or every word of one in the specialty's name.
        words=among(_doctors.id, found),
    )


_PAGES = {sort: _page_in_order(sort) for sort in DoctorSort}


def get(db: Session, *, doctor_id: int, include_inactive: bool = True) -> Row[Any]:
    """Return the doctor's columns, with `rating`, `specialty` and `locations`, also inactive ones.

    Raises: NotFound, also if the doctor is inactive, unless `include_inactive`.
    """
    doctor: Row[Any] = _ONE.get(db, "doctor", doctor_id, doctor_id=doctor_id)
    if not (doctor.is_active or include_inactive):
        raise NotFound("doctor", doctor_id)
    return doctor


def page(
    db: Session,
    *,
    sort: DoctorSort,
    after: Sequence[int] | None,
    limit: int,
    include_inactive: bool = False,
    min_rating: float | None = None,
    words: str | None = None,
    **conditions: int | None,
) -> Sequence[Row[Any]]:
    """Return a page of doctors as `get` does.

    `after`: the sorted column and the id of the last doctor of the previous page. `include_inactive`: include inactive
    doctors. `conditions`: `specialty_id`, `location_id`, `min_price`, `max_price`. None: any.
    """
    last_value, last_id = after or (None, None)
    return _PAGES[sort].all(
        db,
        limit=limit,
        last_value=last_value,
        last_id=last_id,
        active=not include_inactive,
        min_rating=round(min_rating * 100) if min_rating is not None else None,
        words=prefix_text(words) if words is not None else None,
        **conditions,
    )


def create(db: Session, **values: Any) -> Row[Any]:
    """Create a doctor, and return it as `get` does. Raises: Invalid, if the specialty does not exist."""
    return _save(db, Doctor(**values))


def lock(db: Session, *, doctor_id: int, expected: Expected = ANY) -> Doctor:
    """Return the doctor, locked until the transaction ends. Raises: NotFound; VersionMismatch."""
    return rows.lock(db, Doctor, doctor_id, expected=expected)


def change(db: Session, *, doctor_id: int, expected: Expected, **values: Any) -> Row[Any]:
    """Set the named columns, and return the doctor as `get` does. Raises: NotFound; VersionMismatch; Invalid, if the
    specialty does not exist."""
    return _save(db, lock(db, doctor_id=doctor_id, expected=expected), **values)


def _save(db: Session, doctor: Doctor, **values: Any) -> Row[Any]:
    for name, value in values.items():
        setattr(doctor, name, value)
    searchable = " ".join([doctor.name, doctor.about, *doctor.services])
    rows.save(db, doctor, NO_SPECIALTY, words=func.to_tsvector("simple", searchable))
    return get(db, doctor_id=doctor.id)


def remove(db: Session, *, doctor_id: int, expected: Expected) -> None:
    """Delete the doctor. Raises: NotFound; VersionMismatch; Conflict, if there are bookings."""
    doctor = lock(db, doctor_id=doctor_id, expected=expected)
    db.execute(delete(DoctorLocation).where(DoctorLocation.doctor_id == doctor_id))
    rows.delete(db, doctor, HAS_BOOKINGS)


_HOURS = Read(
    select(*DoctorLocation.__table__.c, Location.name.label("location_name"), Location.time_zone)
    .join(Location, Location.id == DoctorLocation.location_id)
    .where(DoctorLocation.doctor_id == bindparam("doctor_id"))
    .order_by(DoctorLocation.location_id),
    active=Location.is_active,
    location_id=DoctorLocation.location_id == bindparam("location_id"),
)


def locations(
    db: Session, *, doctor_id: int, include_inactive: bool, location_id: int | None = None
) -> Sequence[Row[Any]]:
    """Return where and when the doctor works, with `location_name` and `time_zone`. Include inactive locations if
    `include_inactive`. `location_id`: only this location."""
    return _HOURS.all(db, doctor_id=doctor_id, active=not include_inactive, location_id=location_id)


def put_location(db: Session, *, doctor_id: int, location_id: int, expected: Expected, **values: Any) -> Row[Any]:
    """Set the doctor's working hours at the location, and return them as `locations` does.

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
    return locations(db, doctor_id=doctor_id, include_inactive=True, location_id=location_id)[0]


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


_specialties = Specialty.__table__.c
_SPECIALTIES = Read(
    select(*_specialties).order_by(_specialties.id).limit(bindparam("limit")),
    after_id=_specialties.id > bindparam("after_id"),
    # With LIMIT it is an index scan for each specialty of the page. EXISTS would read the doctors of all before it.
    used=select(true()).where(Doctor.specialty_id == _specialties.id, Doctor.is_active).limit(1).scalar_subquery(),
)
_ONE_SPECIALTY = Read(select(*_specialties).where(_specialties.id == bindparam("specialty_id")))


def specialties(db: Session, *, after_id: int | None, limit: int, unused: bool) -> Sequence[Row[Any]]:
    """Return a page of specialties in order of creation. Include those without an active doctor if `unused`."""
    return _SPECIALTIES.all(db, after_id=after_id, limit=limit, used=not unused)


def get_specialty(db: Session, *, specialty_id: int) -> Row[Any]:
    """Return the specialty. Raises: NotFound."""
    row: Row[Any] = _ONE_SPECIALTY.get(db, "specialty", specialty_id, specialty_id=specialty_id)
    return row


def create_specialty(db: Session, **values: Any) -> Specialty:
    """Create a specialty. Raises: Conflict, if there is already one with this name."""
    return rows.save(db, Specialty(**values), SAME_NAME)


def rename_specialty(db: Session, *, specialty_id: int, expected: Expected, **values: Any) -> Specialty:
    """Rename the specialty. Raises: NotFound; VersionMismatch; Conflict, if another specialty has this name."""
    return rows.save(db, rows.lock(db, Specialty, specialty_id, expected=expected), SAME_NAME, **values)


def remove_specialty(db: Session, *, specialty_id: int, expected: Expected) -> None:
    """Delete the specialty. Raises: NotFound; VersionMismatch; Conflict, if a doctor has it."""
    rows.delete(db, rows.lock(db, Specialty, specialty_id, expected=expected), HAS_DOCTORS)


_reviews = Review.__table__.c
_REVIEWS = Read(
    select(*_reviews)
    .where(_reviews.doctor_id == bindparam("doctor_id"))
    .order_by(_reviews.id.desc())
    .limit(bindparam("limit")),
    before_id=_reviews.id < bindparam("before_id"),
)


def reviews(db: Session, *, doctor_id: int, before_id: int | None, limit: int) -> Sequence[Row[Any]]:
    """Return a page of the doctor's reviews, newest first."""
    return _REVIEWS.all(db, doctor_id=doctor_id, before_id=before_id, limit=limit)


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
