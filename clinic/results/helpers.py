"""Use cases on results: staff add them, a job checks them, their patient reads them, and all of it is on record."""

import contextlib
import datetime as dt
import posixpath
import secrets
from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from clinic.bookings import crud as bookings_crud
from clinic.bookings import helpers as bookings
from clinic.bookings import notices
from clinic.bookings.models import Booking, BookingStatus
from clinic.bookings.notices import Kind
from clinic.bookings.patients import Asker
from clinic.results import crud, links, preview_file
from clinic.results.models import Result, ResultStatus
from conf import sandbox
from conf._celery import crud as jobs_crud
from conf._celery.enqueue import enqueue
from conf._celery.models import ENDED, Job, JobStatus
from conf._celery.task import Attempt, stop
from conf.db.dependencies import with_db_session
from conf.db.session import release
from conf.errors import Conflict, Invalid, NotFound, Unsupported
from conf.storage.pictures import is_picture
from conf.storage.store import NewFiles, new_files, remove_later, storage
from conf.storage.work import work_folder
from iam.audit import crud as audit
from iam.audit.crud import Origin
from iam.roles import Identity

log = structlog.get_logger(__name__)

CHECK = "clinic.results.check"
MAX_BYTES = 50 * 1024 * 1024
LIMIT_S = 60
PICTURES = {b"\xff": ("image/jpeg", "jpg"), b"\x89": ("image/png", "png"), b"R": ("image/webp", "webp")}


def _kind(path: Path) -> tuple[str, str]:
    """The media type and the ending, by the first bytes. Unsupported."""
    with path.open("rb") as file:
        head = file.read(12)
    if head.startswith(b"%PDF-"):
        return "application/pdf", "pdf"
    if not is_picture(head) or head[:1] not in PICTURES:
        raise Unsupported("The file must be a PDF, or a JPEG, PNG or WebP picture.", field="file")
    return PICTURES[head[:1]]


@with_db_session
def assert_may_add(*, booking_id: int, db: Session) -> None:
    """NotFound; Conflict unless it is a diagnostic's, and fulfilled; before a file is received for nothing."""
    _assert_done(bookings_crud.get(db, booking_id=booking_id))


def _assert_done(booking: Booking) -> None:
    if booking.diagnostic_id is None or booking.status != BookingStatus.FULFILLED:
        raise Conflict("Results are added to a diagnostic's booking that is fulfilled.")


def add(*, booking_id: int, title: str, editor: Identity, origin: Origin, path: Path) -> Result:
    """Add the file at `path`, which is moved away, and have it checked. NotFound; Conflict; Unsupported."""
    media_type, extension = _kind(path)
    size_bytes = path.stat().st_size
    with new_files(f"results/{booking_id}/{secrets.token_hex(6)}/") as files:
        key = files.put(f"result.{extension}", path)
        result = Result(
            booking_id=booking_id,
            uploader_id=editor.user_id,
            title=title,
            media_type=media_type,
            size_bytes=size_bytes,
            file_key=key,
        )
        return _attach(result, origin=origin, files=files)


@with_db_session
def _attach(result: Result, *, origin: Origin, files: NewFiles, db: Session) -> Result:
    _assert_done(bookings_crud.lock(db, booking_id=result.booking_id))
    db.add(result)
    db.flush()
    result.job_id = enqueue(db, CHECK, owner_id=result.uploader_id, result_id=result.id).id
    _record(db, "result_added", result, actor_id=result.uploader_id, origin=origin)
    files.keep(db)
    db.flush()
    return result


def _record(db: Session, what: str, result: Result, *, actor_id: int | None, origin: Origin, **details: object) -> None:
    patient_id = bookings_crud.get(db, booking_id=result.booking_id).patient_id
    named = {"result_id": result.id, "booking_id": result.booking_id} | details
    audit.note(db, what, origin=origin, actor_id=actor_id, subject_id=patient_id, **named)


def of_booking(db: Session, *, booking_id: int, asker: Asker) -> Sequence[Result]:
    """What there is; for the patient once it has been checked. NotFound; Unauthenticated."""
    bookings.get(db, booking_id=booking_id, asker=asker)
    return crud.of_booking(db, booking_id=booking_id, ready=not asker.is_staff)


def link(db: Session, *, result_id: int, preview: bool, asker: Asker) -> tuple[str, dt.datetime]:
    """An address of the file, or of its preview, and when that ends. NotFound, also for somebody else's;
    Unauthenticated; Conflict until it has been checked."""
    asker.assert_known()
    result = crud.get(db, result_id=result_id)
    with contextlib.suppress(NotFound):
        bookings.get(db, booking_id=result.booking_id, asker=asker)
        if result.status == ResultStatus.READY:
            url, expires = links.link(result_id=result_id, preview=preview, actor_id=asker.user_id)
            return url, dt.datetime.fromtimestamp(expires, dt.UTC)
        if asker.is_staff:
            raise Conflict(f"The file is not ready: {result.status}.")
    raise NotFound("result", result_id)


@with_db_session
def open_file(*, result_id: int, grant: str, origin: Origin, db: Session) -> str:
    """The storage key of what the link is for; that it was opened is on record. Forbidden; NotFound."""
    granted = links.verify(result_id, grant)
    result = crud.get(db, result_id=result_id)
    key = result.preview_key if granted.preview else result.file_key
    if key is None:
        raise NotFound("result", result_id)
    actor_id = granted.actor_id or None
    _record(db, "result_downloaded", result, actor_id=actor_id, origin=origin, preview=granted.preview)
    return key


def delete(db: Session, *, result_id: int, editor: Identity, origin: Origin) -> None:
    """With its files. NotFound."""
    result = _lock_and_stop(db, result_id)
    _record(db, "result_deleted", result, actor_id=editor.user_id, origin=origin)
    _drop_files(db, result)
    db.delete(result)
    db.flush()


def _lock_and_stop(db: Session, result_id: int) -> Result:
    """The result, locked, its checking stopped. Rows are locked in one order: the job first."""
    job_id = crud.get(db, result_id=result_id).job_id
    with contextlib.suppress(NotFound):  # jobs are forgotten when they are old
        job = jobs_crud.lock(db, job_id=job_id or 0)
        if job.status not in ENDED:
            stop(db, job)
    return crud.lock(db, result_id=result_id)


def _drop_files(db: Session, result: Result) -> None:
    for key in (result.file_key, result.preview_key):
        if key:
            remove_later(db, prefix=posixpath.dirname(key) + "/")
    result.file_key = result.preview_key = None


def check(db: Session, *, result_id: int, attempt: Attempt) -> None:
    """See whether the file is what it says, and make its preview. Invalid, with the reason for staff, if it is not."""
    result = crud.get(db, result_id=result_id)
    if result.file_key is None:
        raise Conflict("The file is gone.")
    release(db)
    with work_folder(f"job-{attempt.id}") as work:
        source, made = work / "source", work / "made"
        made.mkdir()
        storage().fetch(result.file_key, source)
        pages = _preview(source, made)
        with new_files(f"results/{result.booking_id}/{attempt.id}.{attempt.number}/") as files:
            key = files.put("preview.jpg", made / "preview.jpg")
            attempt.hold(db)
            row = crud.lock(db, result_id=result_id)
            row.status, row.error = ResultStatus.READY, None
            row.preview_key, row.pages = key, pages
            notices.tell(db, bookings_crud.get(db, booking_id=row.booking_id), Kind.RESULT)
            files.keep(db)


def _preview(source: Path, made: Path) -> int:
    program = preview_file.__file__
    ended = sandbox.run_python(program, [str(source), str(made)], readable=[source], work=made, limit_s=LIMIT_S)
    told = ended.output.decode(errors="replace").strip()
    if ended.status or not told.isdigit():
        log.warning("a result cannot be read", status=ended.status, errors=ended.errors)
        raise Invalid(told or "The file cannot be read: it is damaged.")
    return int(told)


def follow(db: Session, *, job: Job) -> None:
    """A file that could not be checked is refused, and goes."""
    if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        return
    with contextlib.suppress(NotFound):
        result = crud.lock(db, result_id=job.args["result_id"])
        result.status, result.error = ResultStatus.REFUSED, job.error or "The checking was cancelled."
        _drop_files(db, result)
        db.flush()
