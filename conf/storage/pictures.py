"""Pictures of the rows of a table: checked, turned upright, cut square, written anew in two sizes by a job, with
nothing else of the file.

The table has the columns `<name>_key`, `<name>_small_key` and `<name>_job_id`.
"""

import contextlib
import posixpath
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy.orm import Session

from conf import sandbox
from conf._celery import crud as jobs_crud
from conf._celery.enqueue import enqueue
from conf._celery.models import ENDED, Job
from conf._celery.task import Attempt, stop
from conf.db.dependencies import with_db_session
from conf.db.models import Model
from conf.db.session import release
from conf.errors import Conflict, Invalid, NotFound, Unsupported
from conf.storage import shrink_file
from conf.storage.store import NewFiles, new_files, remove_later, storage
from conf.storage.work import work_folder

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=Model)

MAX_BYTES = 10 * 1024 * 1024
LIMIT_S = 30


def is_picture(head: bytes) -> bool:
    """By its first 12 bytes: JPEG, PNG, WebP or GIF."""
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))


@dataclass(frozen=True)
class Pictures(Generic[R]):
    """Those of one table.

    `what`: a row of it, in words and, with `_id`, as the argument of the task. `name`: what the columns begin with.
    `folder`: of the files, above that of each row. `task`: the job that makes them, which calls `make`.
    """

    model: type[R]
    what: str
    name: str
    folder: str
    task: str

    def folder_of(self, row_id: int) -> str:
        return f"{self.folder}/{row_id}/"

    def replace(self, *, row_id: int, owner_id: int, path: Path) -> R:
        """Have the file at `path`, which is moved away, made into the row's picture by the job `<name>_job_id`, of
        `owner_id`. NotFound; Unsupported when it is no picture."""
        with path.open("rb") as file:
            if not is_picture(file.read(12)):
                raise Unsupported("The file must be a JPEG, PNG, WebP or GIF picture.", field="file")
        with new_files(f"{self.folder_of(row_id)}{secrets.token_hex(6)}/") as files:
            key = files.put("source", path)
            row: R = self._attach(row_id=row_id, owner_id=owner_id, key=key, files=files)
            return row

    @with_db_session
    def _attach(self, *, row_id: int, owner_id: int, key: str, files: NewFiles, db: Session) -> R:
        row = self._lock_and_stop(db, row_id)
        arguments: dict[str, Any] = {f"{self.what}_id": row_id, "source_key": key}
        job = enqueue(db, self.task, owner_id=owner_id, **arguments)
        self._set(row, job_id=job.id)
        files.keep(db)
        db.flush()
        return row

    def remove(self, db: Session, *, row_id: int) -> None:
        """Take the picture away. NotFound."""
        row = self._lock_and_stop(db, row_id)
        self._drop(db, row)
        self._set(row, job_id=None, key=None, small_key=None)
        db.flush()

    def make(self, db: Session, *, row_id: int, source_key: str, attempt: Attempt) -> None:
        """Make the two pictures. Invalid, with the reason for a person, when the file is none."""
        self._assert_newest(self._get(db, row_id), attempt)
        release(db)
        with work_folder(f"job-{attempt.id}") as work:
            source, made = work / "source", work / "made"
            made.mkdir()
            try:
                storage().fetch(source_key, source)
            except NotFound:
                raise Invalid("The picture is gone. Send it again.") from None
            _shrink(source, made)
            with new_files(f"{self.folder_of(row_id)}{attempt.id}.{attempt.number}/") as files:
                keys = {path.stem: files.put(path.name, path) for path in made.iterdir()}
                attempt.hold(db)
                row = self._lock(db, row_id)
                self._assert_newest(row, attempt)
                self._drop(db, row)
                self._set(row, key=keys["large"], small_key=keys["small"])
                remove_later(db, prefix=posixpath.dirname(source_key) + "/")
                files.keep(db)

    @staticmethod
    def follow(db: Session, *, job: Job) -> None:
        """Remove the file that came when nobody will read it any more."""
        if job.status in ENDED:
            remove_later(db, prefix=posixpath.dirname(job.args["source_key"]) + "/")

    def _get(self, db: Session, row_id: int) -> R:
        row = db.get(self.model, row_id)
        if row is None:
            raise NotFound(self.what, row_id)
        return row

    def _lock(self, db: Session, row_id: int) -> R:
        row = db.get(self.model, row_id, with_for_update={"of": self.model}, populate_existing=True)
        if row is None:
            raise NotFound(self.what, row_id)
        return row

    def _lock_and_stop(self, db: Session, row_id: int) -> R:
        """The row, locked, with the making of any picture stopped. Rows are locked in one order: the job first."""
        job_id = self._of(self._get(db, row_id), "job_id")
        job = None
        with contextlib.suppress(NotFound):  # jobs are forgotten when they are old
            job = jobs_crud.lock(db, job_id=job_id) if job_id else None
        row = self._lock(db, row_id)
        if self._of(row, "job_id") != job_id:
            raise Conflict("Another picture is being put in its place right now. Try again.")
        if job is not None and job.status not in ENDED:
            stop(db, job)
        return row

    def _assert_newest(self, row: R, attempt: Attempt) -> None:
        if self._of(row, "job_id") != attempt.id:
            raise Conflict("The picture has been replaced.")

    def _drop(self, db: Session, row: R) -> None:
        if key := self._of(row, "key"):
            remove_later(db, prefix=posixpath.dirname(key) + "/")

    def _of(self, row: R, column: str) -> Any:
        return getattr(row, f"{self.name}_{column}")

    def _set(self, row: R, **values: object) -> None:
        for column, value in values.items():
            setattr(row, f"{self.name}_{column}", value)


def _shrink(source: Path, made: Path) -> None:
    ended = sandbox.run_python(
        shrink_file.__file__, [str(source), str(made)], readable=[source], work=made, limit_s=LIMIT_S
    )
    if ended.status or ended.output.strip() != b"ok":
        log.warning("a picture cannot be read", status=ended.status, errors=ended.errors)
        raise Invalid(ended.output.decode(errors="replace").strip() or "The picture cannot be read: it is damaged.")
