"""Use cases on doctors."""

from sqlalchemy.orm import Session

from clinic.doctors import crud
from clinic.doctors.photos import PHOTOS
from conf.errors import Forbidden
from conf.storage.store import remove_later
from conf.values import Expected
from iam.roles import Identity


def delete(db: Session, *, doctor_id: int, expected: Expected) -> None:
    """Delete the doctor with photo, hours and reviews.

    Raises: NotFound; VersionMismatch; Conflict, if there are bookings.
    """
    crud.remove(db, doctor_id=doctor_id, expected=expected)
    remove_later(db, prefix=PHOTOS.folder_of(doctor_id))


def delete_review(db: Session, *, review_id: int, editor: Identity) -> None:
    """Delete one's own review, or any review with `clinic:write`. Raises: NotFound; Forbidden."""
    review = crud.lock_review(db, review_id=review_id)
    if review.patient_key != editor.user_id and not editor.may("clinic:write"):
        raise Forbidden("Only the author, staff or an admin can delete a review.")
    crud.remove_review(db, review=review)
