"""Doctors with their specialties, working hours at each location, and reviews by their patients."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy import Row

from clinic.bookings import reviews
from clinic.doctors import crud, helpers
from clinic.doctors.models import Review, Specialty
from clinic.doctors.photos import PHOTOS
from clinic.v1.bookable.schemas import PhotoAccepted
from clinic.v1.dependencies import COUNT_GUEST, EDITOR, BookingRequester, Editor, IncludeInactive, Photo
from clinic.v1.doctors import schemas
from clinic.v1.locations.schemas import Schedule
from conf.db.dependencies import DbSession
from conf.http.access import PUBLIC
from conf.http.bodies import KIB
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
    unused: Annotated[bool, Query(description="Whether to include specialties without an active doctor.")] = False,
) -> Slice[Row[Any]]:
    """List the specialties that have an active doctor, oldest first. Public."""
    rows = crud.specialties(db, after_id=paging.last_id, limit=paging.fetch, unused=unused)
    return paging.page(rows)


@router.post("/specialties/", response_model=schemas.Specialty, status_code=201, dependencies=[EDITOR])
def create_specialty(specialty: schemas.SpecialtyCreate, db: DbSession, response: Response) -> Specialty:
    """Create a specialty. Returns 409 if there is one with this name, ignoring case. Requires: staff or admin."""
    created = crud.create_specialty(db, name=specialty.name)
    response.headers["Location"] = f"/api/v1/specialties/{created.id}/"
    return created


@router.get("/specialties/{specialty_id}/", response_model=schemas.Specialty, dependencies=[PUBLIC])
def get_specialty(specialty_id: Id, db: DbSession) -> Row[Any]:
    """Return a specialty. Public."""
    return crud.get_specialty(db, specialty_id=specialty_id)


@router.patch("/specialties/{specialty_id}/", response_model=schemas.Specialty, dependencies=[EDITOR])
def update_specialty(specialty_id: Id, changes: schemas.SpecialtyUpdate, db: DbSession, expected: IfMatch) -> Specialty:
    """Rename a specialty. Returns 409 if another specialty has this name, ignoring case. Requires: staff or admin."""
    return crud.rename_specialty(db, specialty_id=specialty_id, expected=expected, **changes.given())


@router.delete("/specialties/{specialty_id}/", status_code=204, dependencies=[EDITOR])
def delete_specialty(specialty_id: Id, db: DbSession, expected: IfMatch) -> None:
    """Delete a specialty. Returns 409 if a doctor has it, even an inactive one. Requires: staff or admin."""
    crud.remove_specialty(db, specialty_id=specialty_id, expected=expected)


@router.get("/doctors/", response_model=Page[schemas.Doctor])
def list_doctors(
    db: DbSession,
    include_inactive: IncludeInactive,
    paging: Paging,
    filters: Annotated[schemas.DoctorFilter, Query()],
) -> Slice[dict[str, Any]]:
    """List the active doctors in the order given by `sort`. Staff and admins also see inactive doctors. Send `cursor`
    with the same `sort` as the request that returned it. Public."""
    rows = crud.page(
        db, after=paging.last_keys(2), limit=paging.fetch, include_inactive=include_inactive, **filters.given()
    )
    column = crud.ORDER[filters.sort][0].key
    return paging.page(
        rows,
        convert=partial(_serialize, include_inactive=include_inactive),
        key=lambda doctor: (getattr(doctor, column), doctor.id),
    )


def _serialize(doctor: Row[Any], *, include_inactive: bool) -> dict[str, Any]:
    """Return the fields of `schemas.Doctor`; inactive locations only if `include_inactive`."""
    fields: dict[str, Any] = doctor._asdict()
    if not include_inactive:
        fields["locations"] = [place for place in fields["locations"] if place["is_active"]]
    return fields


@router.post(
    "/doctors/", response_model=schemas.Doctor, status_code=201, dependencies=[EDITOR], max_body_size=256 * KIB
)
def create_doctor(doctor: schemas.DoctorCreate, db: DbSession, response: Response) -> dict[str, Any]:
    """Create a doctor. The doctor cannot be booked until working hours at a location are set with
    `PUT /doctors/{doctor_id}/locations/{location_id}/`. Requires: staff or admin."""
    created = crud.create(db, **doctor.model_dump())
    response.headers["Location"] = f"/api/v1/doctors/{created.id}/"
    return _serialize(created, include_inactive=True)


@router.get("/doctors/{doctor_id}/", response_model=schemas.Doctor)
def get_doctor(doctor_id: Id, db: DbSession, include_inactive: IncludeInactive) -> dict[str, Any]:
    """Return a doctor. Returns 404 for an inactive doctor, except to staff and admins. Public."""
    return _serialize(
        crud.get(db, doctor_id=doctor_id, include_inactive=include_inactive), include_inactive=include_inactive
    )


@router.patch("/doctors/{doctor_id}/", response_model=schemas.Doctor, dependencies=[EDITOR], max_body_size=256 * KIB)
def update_doctor(
    doctor_id: Id, changes: schemas.DoctorUpdate, db: DbSession, expected: NeedsIfMatch
) -> dict[str, Any]:
    """Change the given fields of a doctor. Existing bookings do not change. Requires: staff or admin."""
    return _serialize(crud.change(db, doctor_id=doctor_id, expected=expected, **changes.given()), include_inactive=True)


@router.delete("/doctors/{doctor_id}/", status_code=204, dependencies=[EDITOR])
def delete_doctor(doctor_id: Id, db: DbSession, expected: IfMatch) -> None:
    """Delete a doctor with the photo, working hours, reviews and waiting list.

    Returns 409 if there are bookings with the doctor, including past ones; set `is_active` to false instead. Requires:
    staff or admin.
    """
    helpers.delete(db, doctor_id=doctor_id, expected=expected)


@router.post("/doctors/{doctor_id}/photo/", response_model=PhotoAccepted, status_code=202)
def upload_doctor_photo(doctor_id: Id, file: Photo, db: DbSession, editor: Editor) -> dict[str, Any]:
    """Upload a photo of a doctor: the part `file` with a JPEG, PNG, WebP or GIF picture of at most 10 MiB.

    Returns 202 with the job that crops the picture to a square and makes the two sizes. The previous photo stays until
    the job has succeeded. Requires: staff or admin."""
    doctor = PHOTOS.replace(db, row_id=doctor_id, owner_id=editor.user_id, file=file)
    return {"job_id": doctor.photo_job_id}


@router.delete("/doctors/{doctor_id}/photo/", status_code=204, dependencies=[EDITOR])
def delete_doctor_photo(doctor_id: Id, db: DbSession) -> None:
    """Delete the photo of a doctor. Requires: staff or admin."""
    PHOTOS.remove(db, row_id=doctor_id)


@router.get("/doctors/{doctor_id}/locations/", response_model=list[schemas.DoctorHours])
def list_doctor_locations(doctor_id: Id, db: DbSession, include_inactive: IncludeInactive) -> Sequence[Row[Any]]:
    """List the active locations where a doctor works, with the working hours there, by ascending ID. Staff and admins
    also see inactive locations. Public."""
    crud.get(db, doctor_id=doctor_id, include_inactive=include_inactive)
    return crud.locations(db, doctor_id=doctor_id, include_inactive=include_inactive)


@router.put(
    "/doctors/{doctor_id}/locations/{location_id}/",
    response_model=schemas.DoctorHours,
    dependencies=[EDITOR],
    max_body_size=1024 * KIB,
)
def put_doctor_location(
    doctor_id: Id, location_id: Id, schedule: Schedule, db: DbSession, expected: IfMatch
) -> Row[Any]:
    """Set the working hours of a doctor at a location. They replace the previous ones there. Existing bookings do not
    change. Requires: staff or admin."""
    values = schedule.model_dump(mode="json")
    return crud.put_location(db, doctor_id=doctor_id, location_id=location_id, expected=expected, **values)


@router.delete("/doctors/{doctor_id}/locations/{location_id}/", status_code=204, dependencies=[EDITOR])
def delete_doctor_location(doctor_id: Id, location_id: Id, db: DbSession) -> None:
    """Remove a doctor from a location, with the working hours there. Existing bookings do not change. Requires: staff
    or admin."""
    crud.remove_location(db, doctor_id=doctor_id, location_id=location_id)


@router.get("/doctors/{doctor_id}/reviews/", response_model=Page[schemas.Review])
def list_reviews(
    doctor_id: Id,
    db: DbSession,
    include_inactive: IncludeInactive,
    paging: Paging,
) -> Slice[Row[Any]]:
    """List the reviews of a doctor, newest first. Public."""
    crud.get(db, doctor_id=doctor_id, include_inactive=include_inactive)
    rows = crud.reviews(db, doctor_id=doctor_id, before_id=paging.last_id, limit=paging.fetch)
    return paging.page(rows)


@router.post(
    "/doctors/{doctor_id}/reviews/",
    response_model=schemas.Review,
    status_code=201,
    responses=error_responses(401, 403, 429),
    dependencies=[COUNT_GUEST],
)
def create_review(doctor_id: Id, review: schemas.ReviewCreate, db: DbSession, requester: BookingRequester) -> Review:
    """Review a doctor after a visit. A patient can review each doctor once. Returns 409 if the booking is not
    `fulfilled`, if it is with another doctor, or if the patient has already reviewed the doctor. Requires: the patient
    or a holder of the booking link."""
    return reviews.create(db, doctor_id=doctor_id, requester=requester, **review.model_dump())


@router.delete("/reviews/{review_id}/", status_code=204)
def delete_review(review_id: Id, db: DbSession, me: SignedIn) -> None:
    """Delete a review.

    Guests cannot delete their own reviews. Staff and admins can delete any review. Requires: the author, staff or
    admin.
    """
    helpers.delete_review(db, review_id=review_id, editor=me)
