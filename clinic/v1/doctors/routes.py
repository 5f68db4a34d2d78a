"""Doctors: anyone sees them, staff look after them, patients rate them."""

from functools import partial
from typing import Annotated, Any

from fastapi import Query, Response

from clinic.bookings import reviews
from clinic.doctors import crud, helpers
from clinic.doctors.models import Doctor, DoctorLocation, Review, Specialty
from clinic.doctors.photos import PHOTOS
from clinic.v1.bookable.schemas import PhotoAccepted
from clinic.v1.dependencies import EDITOR, BookingRequester, Editor, Hidden, Photo
from clinic.v1.doctors import schemas
from clinic.v1.locations.schemas import Schedule
from conf.db.dependencies import DbSession
from conf.http.access import PUBLIC
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Page, Paging, Slice
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.schemas import Id
from iam.dependencies import SignedIn

router = Router("/api/v1", tags=["clinic: doctors"])


@router.get("/specialties/", response_model=Page[schemas.Specialty], dependencies=[PUBLIC])
def list_specialties(
    db: DbSession,
    paging: Paging,
    unused: Annotated[bool, Query(description="Those that no doctor has, too.")] = False,
) -> Slice[Specialty]:
    """Those with doctors, in the order they were made. Public."""
    rows = crud.specialties(db, after_id=paging.last_id, limit=paging.fetch, unused=unused)
    return paging.page(rows)


@router.post("/specialties/", response_model=schemas.Specialty, status_code=201, dependencies=[EDITOR])
def create_specialty(specialty: schemas.SpecialtyCreate, db: DbSession, response: Response) -> Specialty:
    """409 when there is one of that name. Staff and Admin."""
    created = crud.create_specialty(db, name=specialty.name)
    response.headers["Location"] = f"/api/v1/specialties/{created.id}/"
    return created


@router.get("/specialties/{specialty_id}/", response_model=schemas.Specialty, dependencies=[PUBLIC])
def get_specialty(specialty_id: Id, db: DbSession) -> Specialty:
    """One specialty. Public."""
    return crud.get_specialty(db, specialty_id=specialty_id)


@router.patch("/specialties/{specialty_id}/", response_model=schemas.Specialty, dependencies=[EDITOR])
def update_specialty(specialty_id: Id, changes: schemas.SpecialtyUpdate, db: DbSession, expected: IfMatch) -> Specialty:
    """Give it another name. Staff and Admin."""
    return crud.rename_specialty(db, specialty_id=specialty_id, expected=expected, **changes.given())


@router.delete("/specialties/{specialty_id}/", status_code=204, dependencies=[EDITOR])
def delete_specialty(specialty_id: Id, db: DbSession, expected: IfMatch) -> None:
    """409 while a doctor has it. Staff and Admin."""
    crud.remove_specialty(db, specialty_id=specialty_id, expected=expected)


@router.get("/doctors/", response_model=Page[schemas.Doctor])
def list_doctors(
    db: DbSession,
    hidden: Hidden,
    paging: Paging,
    filters: Annotated[schemas.DoctorFilter, Query()],
) -> Slice[dict[str, Any]]:
    """Doctors; those that are not active for staff and Admin. A cursor goes on with the `sort` it came with. Public."""
    rows = crud.page(db, after=paging.last_keys, limit=paging.fetch, hidden=hidden, **filters.given())
    column = crud.ORDER[filters.sort][0].key
    return paging.page(
        rows, show=partial(_shown, hidden=hidden), key=lambda doctor: (getattr(doctor, column), doctor.id)
    )


def _shown(doctor: Doctor, *, hidden: bool) -> dict[str, Any]:
    fields = {name: getattr(doctor, name) for name in _FIELDS}
    places = [there.location for there in doctor.locations]
    return fields | {"locations": [place for place in places if place.is_active or hidden]}


_FIELDS = [
    field.validation_alias if isinstance(field.validation_alias, str) else name
    for name, field in schemas.Doctor.model_fields.items()
    if name != "locations"
]


@router.post("/doctors/", response_model=schemas.Doctor, status_code=201, dependencies=[EDITOR])
def create_doctor(doctor: schemas.DoctorCreate, db: DbSession, response: Response) -> dict[str, Any]:
    """A doctor, who is nowhere until there are locations. Staff and Admin."""
    created = crud.create(db, **doctor.model_dump())
    response.headers["Location"] = f"/api/v1/doctors/{created.id}/"
    return _shown(created, hidden=True)


@router.get("/doctors/{doctor_id}/", response_model=schemas.Doctor)
def get_doctor(doctor_id: Id, db: DbSession, hidden: Hidden) -> dict[str, Any]:
    """One doctor. Public."""
    return _shown(crud.get(db, doctor_id=doctor_id, hidden=hidden), hidden=hidden)


@router.patch("/doctors/{doctor_id}/", response_model=schemas.Doctor, dependencies=[EDITOR])
def update_doctor(
    doctor_id: Id, changes: schemas.DoctorUpdate, db: DbSession, expected: NeedsIfMatch
) -> dict[str, Any]:
    """Change the fields that are given. Staff and Admin."""
    return _shown(crud.change(db, doctor_id=doctor_id, expected=expected, **changes.given()), hidden=True)


@router.delete("/doctors/{doctor_id}/", status_code=204, dependencies=[EDITOR])
def delete_doctor(doctor_id: Id, db: DbSession, expected: IfMatch) -> None:
    """With photo, hours and reviews. 409 when there are bookings. Staff and Admin."""
    helpers.delete(db, doctor_id=doctor_id, expected=expected)


@router.post("/doctors/{doctor_id}/photo/", response_model=PhotoAccepted, status_code=202)
def upload_doctor_photo(doctor_id: Id, file: Photo, db: DbSession, editor: Editor) -> dict[str, Any]:
    """A picture, as the part `file`: JPEG, PNG, WebP or GIF, up to 10 MiB. The job makes it square, in two sizes. Staff
    and Admin."""
    doctor = PHOTOS.replace(db, row_id=doctor_id, owner_id=editor.user_id, file=file)
    return {"job_id": doctor.photo_job_id}


@router.delete("/doctors/{doctor_id}/photo/", status_code=204, dependencies=[EDITOR])
def delete_doctor_photo(doctor_id: Id, db: DbSession) -> None:
    """Take the picture away. Staff and Admin."""
    PHOTOS.remove(db, row_id=doctor_id)


@router.get("/doctors/{doctor_id}/locations/", response_model=list[schemas.DoctorHours])
def list_doctor_locations(doctor_id: Id, db: DbSession, hidden: Hidden) -> list[dict[str, Any]]:
    """Where the doctor works, and when. Public."""
    crud.get(db, doctor_id=doctor_id, hidden=hidden)
    return [_hours(there) for there in crud.locations(db, doctor_id=doctor_id, hidden=hidden)]


def _hours(there: DoctorLocation) -> dict[str, Any]:
    return {
        "location_id": there.location_id,
        "location_name": there.location.name,
        "time_zone": there.location.time_zone,
        "hours": there.hours,
        "exceptions": there.exceptions,
        "updated_at": there.updated_at,
    }


@router.put("/doctors/{doctor_id}/locations/{location_id}/", response_model=schemas.DoctorHours, dependencies=[EDITOR])
def put_doctor_location(
    doctor_id: Id, location_id: Id, schedule: Schedule, db: DbSession, expected: IfMatch
) -> dict[str, Any]:
    """Have the doctor work there, at these hours and no others. Bookings that were made stay. Staff and Admin."""
    values = schedule.model_dump(mode="json")
    there = crud.put_location(db, doctor_id=doctor_id, location_id=location_id, expected=expected, **values)
    return _hours(there)


@router.delete("/doctors/{doctor_id}/locations/{location_id}/", status_code=204, dependencies=[EDITOR])
def delete_doctor_location(doctor_id: Id, location_id: Id, db: DbSession) -> None:
    """The doctor works there no longer. Bookings that were made stay. Staff and Admin."""
    crud.remove_location(db, doctor_id=doctor_id, location_id=location_id)


@router.get("/doctors/{doctor_id}/reviews/", response_model=Page[schemas.Review])
def list_reviews(
    doctor_id: Id,
    db: DbSession,
    hidden: Hidden,
    paging: Paging,
) -> Slice[Review]:
    """What patients say, the newest first. Public."""
    crud.get(db, doctor_id=doctor_id, hidden=hidden)
    rows = crud.reviews(db, doctor_id=doctor_id, before_id=paging.last_id, limit=paging.fetch)
    return paging.page(rows)


@router.post(
    "/doctors/{doctor_id}/reviews/", response_model=schemas.Review, status_code=201, responses=error_responses(401, 403)
)
def create_review(doctor_id: Id, review: schemas.ReviewCreate, db: DbSession, requester: BookingRequester) -> Review:
    """Rate a doctor you have been to, once; 409 before, and for a second time. Owner of the booking, or who has its
    link."""
    return reviews.create(db, doctor_id=doctor_id, requester=requester, **review.model_dump())


@router.delete("/reviews/{review_id}/", status_code=204)
def delete_review(review_id: Id, db: DbSession, me: SignedIn) -> None:
    """Take a review back. Owner, Staff and Admin."""
    helpers.delete_review(db, review_id=review_id, editor=me)
