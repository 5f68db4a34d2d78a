"""Use cases on diagnostics."""

from sqlalchemy.orm import Session

from clinic.diagnostics import crud
from clinic.diagnostics.photos import PHOTOS
from conf.storage.store import remove_later
from conf.values import Expected


def delete(db: Session, *, diagnostic_id: int, expected: Expected) -> None:
    """Delete the diagnostic with photo and locations.

    Raises: NotFound; VersionMismatch; Conflict, if there are bookings.
    """
    crud.remove(db, diagnostic_id=diagnostic_id, expected=expected)
    remove_later(db, prefix=PHOTOS.folder_of(diagnostic_id))
