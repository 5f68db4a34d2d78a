"""Processing of uploaded files: a file is uploaded for a row of a table, and a job makes other files from it.

The file is stored before the transaction that claims it for the row. Before that, a delayed job is enqueued that would
remove the file, so a crash leaves no orphaned files (`conf.storage.store`). When a file is replaced, its job is
cancelled, and its files are removed after the commit. Locks are always taken in the same order: first the job, then its
row.
"""

import contextlib
import posixpath
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session

from conf._celery import crud as jobs_crud
from conf._celery.enqueue import enqueue
from conf._celery.models import ENDED, Job, JobStatus
from conf._celery.task import Attempt, stop
from conf.db import rows
from conf.db.dependencies import retry_while_unavailable, with_db_session
from conf.db.models import Model
from conf.db.session import release_connection, rollback_and_release_connection
from conf.errors import Conflict, Invalid, NotFound
from conf.storage.incoming import IncomingFile
from conf.storage.store import NewFiles, new_files, remove_later, storage
from conf.work import need_disk, work_folder

R = TypeVar("R", bound=Model)


@dataclass(frozen=True)
class Processing(Generic[R]):
    """How the files of one table are processed."""

    model: type[R]
    what: str
    """Name of a row in error messages. `<what>_id` is the task's argument for the row."""
    folder: str
    """Folder of the stored files. Those of a row are in `<folder>/<id>/`."""
    task: str
    """Name of the task that processes an uploaded file."""
    keys: tuple[str, ...]
    """Columns with the storage keys of files that are removed when the file is replaced."""
    source_column: str | None
    """Column with the storage key of the uploaded file. None: the key is only an argument of the job, and the file is
    removed when the job has ended."""
    job_column: str = "job_id"
    """Column with the id of the job."""
    has_quota: bool = True
    """Whether the files count against the quota of the account that uploads them."""

    def folder_of(self, row_id: int) -> str:
        return f"{self.folder}/{row_id}/"

    @contextlib.contextmanager
    def store(self, db: Session, *, folder: str, file: IncomingFile, name: str = "source") -> Iterator["Stored"]:
        """Move the file into the storage, to a new folder below `folder`. Call `attach` to claim it for a row.

        The session must have no pending changes. Its connection is returned to the pool while the file is stored.
        """
        release_connection(db)
        with new_files(f"{folder}{secrets.token_hex(6)}/") as files:
            suffix = f".{file.extension}" if file.extension else ""
            try:
                yield Stored(files.put(name + suffix, file.path), files)
            except BaseException:
                rollback_and_release_connection(db)  # the removal of the file needs a connection
                raise

    def replace(
        self, db: Session, *, row_id: int, file: IncomingFile, owner_id: int, check: Callable[[R], None] | None = None
    ) -> R:
        """Replace the row's file, and enqueue the processing of the new file as a job of `owner_id`.

        Returns the row, locked. `check` is called with the locked row, and may raise.
        Raises: NotFound; Conflict, if another file is uploaded at the same time; StorageFull.
        """
        with self.store(db, folder=self.folder_of(row_id), file=file) as stored:
            row = self.lock(db, row_id)
            if check is not None:
                check(row)
            self.drop_files(db, row)
            self.attach(db, row, stored, owner_id=owner_id)
        return row

    def attach(self, db: Session, row: R, stored: "Stored", *, owner_id: int | None) -> None:
        """Claim the stored file for the row in the transaction of `db`, and enqueue its processing.

        Raises: StorageFull, if it exceeds the owner's quota.
        """
        arguments: dict[str, Any] = {f"{self.what}_id": row.id}
        if self.source_column is None:
            arguments["source_key"] = stored.key
        else:
            setattr(row, self.source_column, stored.key)
        setattr(row, self.job_column, enqueue(db, self.task, owner_id=owner_id, **arguments).id)
        stored.files.claim(db, owner_id=owner_id if self.has_quota else None)
        db.flush()

    def lock(self, db: Session, row_id: int) -> R:
        """Lock the row, cancel its job, and return the row.

        Raises: NotFound; Conflict, if its file is being replaced at the same time.
        """
        job_id = self._job_of(rows.get(db, self.model, row_id, what=self.what))
        job = None
        if job_id is not None:
            with contextlib.suppress(NotFound):  # old jobs are deleted
                job = jobs_crud.lock(db, job_id=job_id)
        row = rows.lock(db, self.model, row_id, what=self.what)
        if self._job_of(row) != job_id:
            raise Conflict("The file is being replaced at the same time. Try again.")
        if job is not None and job.status not in ENDED:
            stop(db, job)
        return row

    def drop_files(self, db: Session, row: R) -> None:
        """Set the columns in `keys` to null, and remove their files after the commit."""
        folders = {posixpath.dirname(key) for name in self.keys if (key := getattr(row, name))}
        for folder in sorted(folders):
            remove_later(db, prefix=f"{folder}/")
        for name in self.keys:
            setattr(row, name, None)

    @contextlib.contextmanager
    def work(self, db: Session, *, row_id: int, attempt: Attempt, source_key: str | None = None) -> Iterator["Work[R]"]:
        """Fetch the row's file into a temporary folder for processing. The session holds no connection meanwhile.

        Raises: NotFound; Conflict, if the file was replaced; Invalid, if it is missing in the storage; Unavailable, if
        there is not enough disk space.
        """
        row = rows.get(db, self.model, row_id, what=self.what)
        self.assert_current(row, attempt)
        key = source_key or getattr(row, self.source_column or "", None)
        if key is None:
            raise Conflict("The file has been removed.")
        release_connection(db)
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(work_folder(f"job-{attempt.id}"))
            source, made = folder / "source", folder / "made"
            made.mkdir()
            try:
                need_disk(storage().size(key))
                storage().fetch(key, source)
            except NotFound:
                raise Invalid("The file has been removed. Upload it again.") from None
            yield Work(self, row, attempt, source, made, stack)

    def assert_current(self, row: R, attempt: Attempt) -> None:
        """Check that the row's file is still that of the attempt's job. Raises: Conflict."""
        if self._job_of(row) != attempt.id:
            raise Conflict("The file has been replaced.")

    def on_status_change(self, db: Session, job: Job) -> None:
        """Remove the files of an unsuccessful attempt. When the job has ended, remove the uploaded file, too, if its
        key is only an argument of the job."""
        if job.status != JobStatus.RUNNING and job.attempt:
            remove_later(db, prefix=self.attempt_folder(job.args[f"{self.what}_id"], job.id, job.attempt))
        if self.source_column is None and job.status in ENDED:
            remove_later(db, prefix=posixpath.dirname(job.args["source_key"]) + "/")

    def attempt_folder(self, row_id: int, job_id: int, number: int) -> str:
        return f"{self.folder_of(row_id)}{job_id}.{number}/"

    def _job_of(self, row: R) -> int | None:
        job_id: int | None = getattr(row, self.job_column)
        return job_id


@dataclass(frozen=True)
class Stored:
    """A stored file that no row has claimed yet."""

    key: str
    files: NewFiles


@dataclass
class Work(Generic[R]):
    """One attempt at processing a file."""

    processing: Processing[R]
    row: R
    """The row as it was when the work began, detached from the session."""
    attempt: Attempt
    source: Path
    """The uploaded file."""
    output: Path
    """Folder into which the job writes its files."""
    _stack: contextlib.ExitStack
    keys: dict[str, str] = field(default_factory=dict)
    """Storage keys of the job's files, by file name. Set by `swap_in`."""

    def swap_in(self, db: Session) -> R:
        """Store the files in `output`, and claim them in the transaction of `db`.

        Returns the row, locked. The caller must set its columns to the new `keys`.
        Raises: Stopped; NotFound; Conflict, if the file was replaced meanwhile.
        """
        retry_while_unavailable(
            _assert_exists, model=self.processing.model, row_id=self.row.id, what=self.processing.what
        )
        folder = self.processing.attempt_folder(self.row.id, self.attempt.id, self.attempt.number)
        files = self._stack.enter_context(new_files(folder))
        for path in sorted(self.output.iterdir()):
            self.keys[path.name] = files.put(path.name, path)
            self.attempt.check()
        job = self.attempt.lock_job(db)
        row = rows.lock(db, self.processing.model, self.row.id, what=self.processing.what)
        self.processing.assert_current(row, self.attempt)
        files.claim(db, owner_id=job.owner_id if self.processing.has_quota else None, check_quota=False)
        return row


@with_db_session
def _assert_exists(*, model: type[Model], row_id: int, what: str, db: Session) -> None:
    rows.get(db, model, row_id, what=what)
