"""Pictures that belong to the rows of a table, such as avatars.

A job checks an uploaded picture, turns it upright, crops it to a square and encodes it in two sizes. Nothing else of
the file is kept, such as its metadata. The table has the columns `<name>_key`, `<name>_small_key` and `<name>_job_id`.
"""

import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from sqlalchemy.orm import Session

from conf import sandbox
from conf._celery.models import Job
from conf._celery.task import Attempt
from conf.db.models import Model
from conf.errors import Invalid
from conf.storage import shrink_file
from conf.storage.incoming import IncomingFile
from conf.storage.processing import Processing
from conf.storage.store import remove_later

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=Model)

MAX_BYTES = 10 * 1024 * 1024
LIMIT_S = 30


@dataclass(frozen=True)
class Pictures(Generic[R]):
    """The pictures of one table."""

    model: type[R]
    what: str
    """Name of a row in error messages. `<what>_id` is the task's argument for the row."""
    name: str
    """Prefix of the columns."""
    folder: str
    """Folder of the stored files."""
    task: str
    """Name of the task that makes the pictures. It calls `make`."""

    @property
    def processing(self) -> Processing[R]:
        keys = (f"{self.name}_key", f"{self.name}_small_key")
        return Processing(
            self.model, self.what, self.folder, self.task, keys, source_column=None, job_column=f"{self.name}_job_id"
        )

    def folder_of(self, row_id: int) -> str:
        return self.processing.folder_of(row_id)

    def replace(self, db: Session, *, row_id: int, owner_id: int, file: IncomingFile) -> R:
        """Store the file, and enqueue the job that makes the row's pictures from it. Returns the row.

        The previous picture stays until the job has succeeded.
        Raises: NotFound; Conflict, if another picture is uploaded at the same time.
        """
        processing = self.processing
        with processing.store(db, folder=self.folder_of(row_id), file=file) as stored:
            row = processing.lock(db, row_id)
            processing.attach(db, row, stored, owner_id=owner_id)
        return row

    def remove(self, db: Session, *, row_id: int) -> None:
        """Remove the picture. Raises: NotFound."""
        row = self.processing.lock(db, row_id)
        self.processing.drop_files(db, row)
        setattr(row, self.processing.job_column, None)
        db.flush()

    def make(self, db: Session, *, row_id: int, source_key: str, attempt: Attempt) -> None:
        """Make the two pictures. Raises: Invalid, with a reason for the user, if the file is not a valid picture."""
        with self.processing.work(db, row_id=row_id, attempt=attempt, source_key=source_key) as work:
            _shrink(work.source, work.output)
            row = work.swap_in(db)
            self.processing.drop_files(db, row)
            setattr(row, f"{self.name}_key", work.keys["large.jpg"])
            setattr(row, f"{self.name}_small_key", work.keys["small.jpg"])
            remove_later(db, prefix=posixpath.dirname(source_key) + "/")

    def on_status_change(self, db: Session, job: Job) -> None:
        """Handle a change of the job's status. The task must register it with `JobTask.on_status_change`."""
        self.processing.on_status_change(db, job)


def _shrink(source: Path, made: Path) -> None:
    ended = sandbox.run_python(
        shrink_file.__file__, [str(source), str(made)], readable=[source], work=made, limit_s=LIMIT_S
    )
    if ended.status or ended.output.strip() != b"ok":
        log.warning("a picture cannot be read", status=ended.status, errors=ended.errors)
        raise Invalid(ended.output.decode(errors="replace").strip() or "The picture cannot be read: it is damaged.")
