"""Doctors: anyone sees them, staff look after them, patients rate them."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from clinic.bookings import reviews
from clinic.bookings.patients import Asker
from clinic.doctors import crud, helpers
from clinic.doctors.crud import DoctorSort
from clinic.doctors.models import Doctor, DoctorLocation
from clinic.doctors.photos import PHOTOS
from clinic.v1.bookable.schemas import PhotoAccepted
from clinic.v1.doctors import schemas
from clinic.v1.locations.routes import EDITOR, Hidden
from clinic.v1.locations.schemas import Schedule
from conf.db.dependencies import DbSession
from conf.http.access import PUBLIC
from conf.http.conditional import IfMatch, NeedsIfMatch
from conf.http.pagination import Cursor, Limit, Page, key_of, keys_of, page
from conf.http.problems import may
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.uploads import FILE_BODY, take_file
from conf.storage.pictures import MAX_BYTES
from conf.values import MAX_ID, Storable
from iam.dependencies import SignedIn, Viewer, requires
from iam.roles import Identity

router = Router("/api/v1", tags=["clinic: doctors"])

Editor = Annotated[Identity, requires("clinic:write")]
IdFilter = Annotated[int | None, Query(ge=1, le=MAX_ID)]
Sorting = Annotated[DoctorSort, Query(description="`price_down`: the dearest first; `experience`: the longest.")]
PriceFilter = Annotated[int | None, Query(ge=0, le=2**31 - 1)]
LinkKey = Annotated[str | None, Query(max_length=64, description="Of the link that a guest was sent.")]


@router.get("/specialties/", dependencies=[PUBLIC])
def list_specialties(
    db: DbSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = 20,
    unused: Annotated[bool, Query(description="Those that no doctor has, too.")] = False,
) -> Page[schemas.Specialty]:
    """Those with doctors, in the order they were made. Public."""
    rows = crud.specialties(db, after_id=key_of(cursor), limit=limit + 1, unused=unused)
    return page(rows, limit=limit, request=request, response=response)


@router.post("/specialties/", status_code=201, dependencies=[EDITOR])
def create_specialty(specialty: schemas.SpecialtyCreate, db: DbSession, response: Response) -> schemas.Specialty:
    """409 when there is one of that name. Staff and Admin."""
    created = crud.create_specialty(db, name=specialty.name)
    response.headers["Location"] = f"/api/v1/specialties/{created.id}/"
    return created


@router.get("/specialties/{specialty_id}/", dependencies=[PUBLIC])
def get_specialty(specialty_id: Id, db: DbSession) -> schemas.Specialty:
    """One specialty. Public."""
    return crud.get_specialty(db, specialty_id=specialty_id)


@router.patch("/specialties/{specialty_id}/", dependencies=[EDITOR])
def update_specialty(
    specialty_id: Id, changes: schemas.SpecialtyUpdate, db: DbSession, expected: IfMatch
) -> schemas.Specialty:
    """Give it another name. Staff and Admin."""
    return crud.rename_specialty(db, specialty_id=specialty_id, expected=expected, **changes.given())


@router.delete("/specialties/{specialty_id}/", status_code=204, dependencies=[EDITOR])
def delete_specialty(specialty_id: Id, db: DbSession, expected: IfMatch) -> None:
    """409 while a doctor has it. Staff and Admin."""
    crud.remove_specialty(db, specialty_id=specialty_id, expected=expected)


@router.get("/doctors/")
def list_doctors(
    db: DbSession,
    request: Request,
    response: Response,
    hidden: Hidden,
    cursor: Cursor = None,
    limit: Limit = 20,
    sort: Annotated[
        DoctorSort, Query(description="`price_down`: the dearest first; `experience`: the longest.")
    ] = DoctorSort.NEWEST,
    specialty_id: IdFilter = None,
    location_id: IdFilter = None,
    min_price: PriceFilter = None,
    max_price: PriceFilter = None,
    min_rating: Annotated[float | None, Query(ge=1, le=5)] = None,
    q: Annotated[
        str | None, Query(min_length=2, max_length=100, description="Beginnings of words of the doctor."), Storable
    ] = None,
) -> Page[schemas.Doctor]:
    """Doctors; those that are not active for staff and Admin. A cursor goes on with the `sort` it came with. Public."""
    rows = crud.page(
        db,
        sort=sort,
        after=keys_of(cursor),
        limit=limit + 1,
        hidden=hidden,
        specialty_id=specialty_id,
        location_id=location_id,
        min_price=min_price,
        max_price=max_price,
        min_rating=min_rating,
        words=q,
    )
    column = crud.ORDER[sort][0].key
    found = page(
        rows, limit=limit, request=request, response=response, key=lambda doctor: (getattr(doctor, column), doctor.id)
    )
    return found | {"items": [_shown(doctor, hidden=hidden) for doctor in found["items"]]}


def _shown(doctor: Doctor, *, hidden: bool) -> dict[str, Any]:
    fields = {name: getattr(doctor, name) for name in _FIELDS}
    places = [there.location for there in doctor.locations]
    return fields | {"locations": [place for place in places if place.is_active or hidden]}


_FIELDS = [
    field.validation_alias if isinstance(field.validation_alias, str) else name
    for name, field in schemas.Doctor.model_fields.items()
    if name != "locations"
]


@router.post("/doctors/", status_code=201, dependencies=[EDITOR])
def create_doctor(doctor: schemas.DoctorCreate, db: DbSession, response: Response) -> schemas.Doctor:
    """A doctor, who is nowhere until there are locations. Staff and Admin."""
    created = crud.create(db, **doctor.model_dump())
    response.headers["Location"] = f"/api/v1/doctors/{created.id}/"
    return _shown(created, hidden=True)


@router.get("/doctors/{doctor_id}/")
def get_doctor(doctor_id: Id, db: DbSession, hidden: Hidden) -> schemas.Doctor:
    """One doctor. Public."""
    return _shown(crud.get(db, doctor_id=doctor_id, hidden=hidden), hidden=hidden)


@router.patch("/doctors/{doctor_id}/", dependencies=[EDITOR])
def update_doctor(
    doctor_id: Id, changes: schemas.DoctorUpdate, db: DbSession, expected: NeedsIfMatch
) -> schemas.Doctor:
    """Change the fields that are given. Staff and Admin."""
    return _shown(crud.change(db, doctor_id=doctor_id, expected=expected, **changes.given()), hidden=True)


@router.delete("/doctors/{doctor_id}/", status_code=204, dependencies=[EDITOR])
def delete_doctor(doctor_id: Id, db: DbSession, expected: IfMatch) -> None:
    """With photo, hours and reviews. 409 when there are bookings. Staff and Admin."""
    helpers.delete(db, doctor_id=doctor_id, expected=expected)


@router.post("/doctors/{doctor_id}/photo/", status_code=202, openapi_extra=FILE_BODY)
async def upload_doctor_photo(doctor_id: Id, request: Request, editor: Editor) -> PhotoAccepted:
    """A picture, as the part `file`: JPEG, PNG, WebP or GIF, up to 10 MiB. The job makes it square, in two sizes. Staff
    and Admin."""
    doctor = await take_file(request, PHOTOS.replace, max_bytes=MAX_BYTES, row_id=doctor_id, owner_id=editor.user_id)
    return PhotoAccepted.model_validate({"job_id": doctor.photo_job_id})


@router.delete("/doctors/{doctor_id}/photo/", status_code=204, dependencies=[EDITOR])
def delete_doctor_photo(doctor_id: Id, db: DbSession) -> None:
    """Take the picture away. Staff and Admin."""
    PHOTOS.remove(db, row_id=doctor_id)


@router.get("/doctors/{doctor_id}/locations/")
def list_doctor_locations(doctor_id: Id, db: DbSession, hidden: Hidden) -> list[schemas.DoctorHours]:
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


@router.put("/doctors/{doctor_id}/locations/{location_id}/", dependencies=[EDITOR])
def put_doctor_location(
    doctor_id: Id, location_id: Id, schedule: Schedule, db: DbSession, expected: IfMatch
) -> schemas.DoctorHours:
    """Have the doctor work there, at these hours and no others. Bookings that were made stay. Staff and Admin."""
    values = schedule.model_dump(mode="json")
    there = crud.put_location(db, doctor_id=doctor_id, location_id=location_id, expected=expected, **values)
    return _hours(there)


@router.delete("/doctors/{doctor_id}/locations/{location_id}/", status_code=204, dependencies=[EDITOR])
def delete_doctor_location(doctor_id: Id, location_id: Id, db: DbSession) -> None:
    """The doctor works there no longer. Bookings that were made stay. Staff and Admin."""
    crud.remove_location(db, doctor_id=doctor_id, location_id=location_id)


@router.get("/doctors/{doctor_id}/reviews/")
def list_reviews(
    doctor_id: Id,
    db: DbSession,
    request: Request,
    response: Response,
    hidden: Hidden,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[schemas.Review]:
    """What patients say, the newest first. Public."""
    crud.get(db, doctor_id=doctor_id, hidden=hidden)
    rows = crud.reviews(db, doctor_id=doctor_id, before_id=key_of(cursor), limit=limit + 1)
    return page(rows, limit=limit, request=request, response=response)


@router.post("/doctors/{doctor_id}/reviews/", status_code=201, responses=may(401, 403))
def create_review(
    doctor_id: Id, review: schemas.ReviewCreate, db: DbSession, viewer: Viewer, key: LinkKey = None
) -> schemas.Review:
    """Rate a doctor you have been to, once; 409 before, and for a second time. Owner of the booking, or who has its
    link."""
    return reviews.create(db, doctor_id=doctor_id, asker=Asker(viewer, key), **review.model_dump())


@router.delete("/reviews/{review_id}/", status_code=204)
def delete_review(review_id: Id, db: DbSession, me: SignedIn) -> None:
    """Take a review back. Owner, Staff and Admin."""
    helpers.delete_review(db, review_id=review_id, editor=me)
