"""Use cases on results: staff add a file, a job checks it, the patient reads it.

The audit log records when a result is added, downloaded or deleted.
"""

import contextlib
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.orm import Session

from clinic import events
from clinic.bookings import crud as bookings_crud
from clinic.bookings import helpers as bookings
from clinic.bookings.models import Booking, BookingStatus
from clinic.bookings.patients import Requester
from clinic.results import crud, links, preview_file
from clinic.results.models import Result, ResultStatus
from conf import sandbox
from conf._celery.models import Job, JobStatus
from conf._celery.task import Attempt
from conf.db import rows
from conf.db.dependencies import with_db_session
from conf.errors import Conflict, Invalid, NotFound, Unsupported
from conf.events import announce
from conf.storage.incoming import IncomingFile, is_picture, sniff_picture
from conf.storage.processing import Processing
from iam.audit import crud as audit
from iam.audit.crud import Origin
from iam.roles import Identity

log = structlog.get_logger(__name__)

CHECK = "clinic.results.check"
FILES = Processing(
    Result, "result", "results", CHECK, ("file_key", "preview_key"), source_column="file_key", has_quota=False
)
MAX_BYTES = 50 * 1024 * 1024
LIMIT_S = 60
MEDIA_TYPES = {"pdf": "application/pdf", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


def sniff(head: bytes) -> str:
    """Return the extension of a file by its first bytes. Raises: Unsupported."""
    if head.startswith(b"%PDF-"):
        return "pdf"
    if not is_picture(head) or head.startswith(b"GIF"):
        raise Unsupported("The file must be a PDF, or a JPEG, PNG or WebP picture.", field="file")
    return sniff_picture(head)


def assert_may_add(db: Session, *, booking_id: int) -> None:
    """Check that the booking is for a diagnostic and fulfilled. Raises: NotFound; Conflict."""
    _assert_done(bookings_crud.get(db, booking_id=booking_id))


def _assert_done(booking: Booking) -> None:
    if booking.diagnostic_id is None or booking.status != BookingStatus.FULFILLED:
        raise Conflict("Results can only be added to a fulfilled booking of a diagnostic.")


def add(db: Session, *, booking_id: int, title: str, editor: Identity, origin: Origin, file: IncomingFile) -> Result:
    """Store the file as a result of the booking, and enqueue its check. Raises: NotFound; Conflict."""
    with FILES.store(db, folder=f"{FILES.folder}/{booking_id}/", file=file, name="result") as stored:
        _assert_done(bookings_crud.lock(db, booking_id=booking_id))
        result = rows.save(
            db,
            Result(
                booking_id=booking_id,
                uploader_id=editor.user_id,
                title=title,
                media_type=MEDIA_TYPES[file.extension],
                size_bytes=file.size_bytes,
            ),
        )
        FILES.attach(db, result, stored, owner_id=editor.user_id)
        _record(db, "result_added", result, actor_id=editor.user_id, origin=origin)
    return result


def _record(db: Session, what: str, result: Result, *, actor_id: int | None, origin: Origin, **details: object) -> None:
    patient_id = bookings_crud.get(db, booking_id=result.booking_id).patient_id
    named = {"result_id": result.id, "booking_id": result.booking_id} | details
    audit.record(db, what, origin=origin, actor_id=actor_id, subject_id=patient_id, **named)


def of_booking(db: Session, *, booking_id: int, requester: Requester) -> Sequence[Row[Any]]:
    """Return the booking's results; for the patient only those that are ready. Raises: NotFound; Unauthenticated."""
    bookings.get(db, booking_id=booking_id, requester=requester)
    return crud.of_booking(db, booking_id=booking_id, ready=not requester.is_staff)


def link(db: Session, *, result_id: int, preview: bool, requester: Requester) -> tuple[str, dt.datetime]:
    """Return a URL of the file or of its preview, and when it expires.

    Raises: Unauthenticated; NotFound, also without access to the booking, or for the patient if the result is not
    ready; Conflict, for staff if it is not ready.
    """
    requester.assert_known()
    result = crud.get(db, result_id=result_id)
    with contextlib.suppress(NotFound):
        bookings.get(db, booking_id=result.booking_id, requester=requester)
        if result.status == ResultStatus.READY:
            url, expires = links.link(result_id=result_id, preview=preview, actor_id=requester.user_id)
            return url, dt.datetime.fromtimestamp(expires, dt.UTC)
        if requester.is_staff:
            raise Conflict(f"The file is not available: the status of the result is {result.status}.")
    raise NotFound("result", result_id)


@with_db_session
def open_file(*, result_id: int, grant: str, origin: Origin, db: Session) -> str:
    """Return the storage key of the linked file, and record the download. Raises: Forbidden; NotFound."""
    granted = links.verify_grant(result_id, grant)
    result = crud.get(db, result_id=result_id)
    key = result.preview_key if granted.preview else result.file_key
    if key is None:
        raise NotFound("result", result_id)
    actor_id = granted.actor_id or None
    _record(db, "result_downloaded", result, actor_id=actor_id, origin=origin, preview=granted.preview)
    return key


def delete(db: Session, *, result_id: int, editor: Identity, origin: Origin) -> None:
    """Delete the result with its files. Raises: NotFound; Conflict."""
    result = FILES.lock(db, result_id)
    _record(db, "result_deleted", result, actor_id=editor.user_id, origin=origin)
    FILES.drop_files(db, result)
    rows.delete(db, result)


def check(db: Session, *, result_id: int, attempt: Attempt) -> None:
    """Check that the file can be opened, and create its preview. Raises: Invalid, with the reason for staff."""
    with FILES.work(db, row_id=result_id, attempt=attempt) as work:
        pages = _preview(work.source, work.output)
        result = work.swap_in(db)
        preview_key = work.keys["preview.jpg"]
        rows.save(db, result, status=ResultStatus.READY, error=None, preview_key=preview_key, pages=pages)
        announce(db, events.ResultReady(booking_id=result.booking_id, result_id=result.id))


def _preview(source: Path, made: Path) -> int:
    program = preview_file.__file__
    ended = sandbox.run_python(program, [str(source), str(made)], readable=[source], work=made, limit_s=LIMIT_S)
    output = ended.output.decode(errors="replace").strip()
    if ended.status or not output.isdigit():
        log.warning("a result cannot be read", status=ended.status, errors=ended.errors)
        raise Invalid(output or "The file cannot be read: it is damaged.")
    return int(output)


def on_status_change(db: Session, *, job: Job) -> None:
    """Refuse and remove the file if its check has failed or was cancelled."""
    FILES.on_status_change(db, job)
    if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        return
    with contextlib.suppress(NotFound):
        result = crud.lock(db, result_id=job.args["result_id"])
        FILES.drop_files(db, result)
        rows.save(db, result, status=ResultStatus.REFUSED, error=job.error or "The check was cancelled.")
