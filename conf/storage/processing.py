"""File → job → files: a file that arrives for a row, and the files that a job makes of it.

The file is stored before the transaction that claims it, and its removal is on record before that; so whatever dies in
between, nothing is left over. What the row no longer names is removed once the transaction commits, and its job is
stopped. Rows are locked in one order everywhere: the job before its row.
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
    """How the files of one table are processed.

    `what`: a row in words; with `_id` it is the task's argument. `folder`: where the files are stored, each row's in
    `<folder>/<id>/`. `task`: the job that processes the file. `keys`: the columns with storage keys of files to remove
    when another file takes their place.
    """

    model: type[R]
    what: str
    folder: str
    task: str
    keys: tuple[str, ...]
    source_column: str | None
    """Where the key of the file itself is kept; None: the job alone knows it, and it goes when the job has ended."""
    job_column: str = "job_id"

    def folder_of(self, row_id: int) -> str:
        return f"{self.folder}/{row_id}/"

    @contextlib.contextmanager
    def store(self, db: Session, *, folder: str, file: IncomingFile, name: str = "source") -> Iterator["Stored"]:
        """Store the file, which is moved away, in a new folder below `folder`. `attach` makes it a row's.

        Until then the session holds no connection; nothing may be pending in it.
        """
        release_connection(db)
        with new_files(f"{folder}{secrets.token_hex(6)}/") as files:
            ending = f".{file.extension}" if file.extension else ""
            try:
                yield Stored(files.put(name + ending, file.path), files)
            except BaseException:
                rollback_and_release_connection(db)  # its removal needs a connection
                raise

    def replace(
        self, db: Session, *, row_id: int, file: IncomingFile, owner_id: int, check: Callable[[R], None] | None = None
    ) -> R:
        """Put the file in place of the row's, and enqueue its processing as a job of `owner_id`. Returns the row,
        locked. Raises: NotFound; Conflict when another file comes at the same time; what `check` raises."""
        with self.store(db, folder=self.folder_of(row_id), file=file) as stored:
            row = self.lock(db, row_id)
            if check is not None:
                check(row)
            self.drop_files(db, row)
            self.attach(db, row, stored, owner_id=owner_id)
        return row

    def attach(self, db: Session, row: R, stored: "Stored", *, owner_id: int | None) -> None:
        """Make the stored file that of the row, if the transaction commits, and enqueue its processing."""
        arguments: dict[str, Any] = {f"{self.what}_id": row.id}
        if self.source_column is None:
            arguments["source_key"] = stored.key
        else:
            setattr(row, self.source_column, stored.key)
        setattr(row, self.job_column, enqueue(db, self.task, owner_id=owner_id, **arguments).id)
        stored.files.keep(db)
        db.flush()

    def lock(self, db: Session, row_id: int) -> R:
        """Return the row, locked, with its job stopped. Raises: NotFound; Conflict when its file is just replaced."""
        job_id = self._job_of(rows.get(db, self.model, row_id, what=self.what))
        job = None
        if job_id is not None:
            with contextlib.suppress(NotFound):  # jobs are deleted when they are old
                job = jobs_crud.lock(db, job_id=job_id)
        row = rows.lock(db, self.model, row_id, what=self.what)
        if self._job_of(row) != job_id:
            raise Conflict("Another file is being put in its place right now. Try again.")
        if job is not None and job.status not in ENDED:
            stop(db, job)
        return row

    def drop_files(self, db: Session, row: R) -> None:
        """Remove the row's files once the transaction commits; it names none any more."""
        folders = {posixpath.dirname(key) for name in self.keys if (key := getattr(row, name))}
        for folder in sorted(folders):
            remove_later(db, prefix=f"{folder}/")
        for name in self.keys:
            setattr(row, name, None)

    @contextlib.contextmanager
    def work(self, db: Session, *, row_id: int, attempt: Attempt, source_key: str | None = None) -> Iterator["Work[R]"]:
        """A folder with the row's file in it, for the job's work; the session holds no connection meanwhile.

        Raises: NotFound; Conflict when the file has been replaced; Invalid when it is gone; Unavailable when there is
        too little disk space.
        """
        row = rows.get(db, self.model, row_id, what=self.what)
        self.assert_current(row, attempt)
        key = source_key or getattr(row, self.source_column or "", None)
        if key is None:
            raise Conflict("The file is gone.")
        release_connection(db)
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(work_folder(f"job-{attempt.id}"))
            source, made = folder / "source", folder / "made"
            made.mkdir()
            try:
                need_disk(storage().size(key))
                storage().fetch(key, source)
            except NotFound:
                raise Invalid("The file is gone. Send it again.") from None
            yield Work(self, row, attempt, source, made, stack)

    def assert_current(self, row: R, attempt: Attempt) -> None:
        """Raises: Conflict, when another job than this attempt's has the row's file."""
        if self._job_of(row) != attempt.id:
            raise Conflict("The file has been replaced.")

    def on_status_change(self, db: Session, job: Job) -> None:
        """Remove what nobody reads any more: what a failed attempt has stored, and the file of a job that has ended
        where the job alone knows it."""
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
    """A file that is stored and not claimed yet."""

    key: str
    files: NewFiles


@dataclass
class Work(Generic[R]):
    """One attempt at processing a file. The job writes what it makes into `made`."""

    processing: Processing[R]
    row: R
    """As it was when the work began; detached."""
    attempt: Attempt
    source: Path
    made: Path
    _stack: contextlib.ExitStack
    keys: dict[str, str] = field(default_factory=dict)
    """The storage key of each file that was made, by its name; after `swap_in`."""

    def swap_in(self, db: Session) -> R:
        """Store what was made and claim it in the transaction of `db`. Returns the row, locked, to be given the new
        keys. Raises: Stopped; NotFound; Conflict when the file has been replaced meanwhile."""
        retry_while_unavailable(
            _assert_exists, model=self.processing.model, row_id=self.row.id, what=self.processing.what
        )
        folder = self.processing.attempt_folder(self.row.id, self.attempt.id, self.attempt.number)
        files = self._stack.enter_context(new_files(folder))
        for path in sorted(self.made.iterdir()):
            self.keys[path.name] = files.put(path.name, path)
            self.attempt.check()
        self.attempt.lock_job(db)
        row = rows.lock(db, self.processing.model, self.row.id, what=self.processing.what)
        self.processing.assert_current(row, self.attempt)
        files.keep(db)
        return row


@with_db_session
def _assert_exists(*, model: type[Model], row_id: int, what: str, db: Session) -> None:
    rows.get(db, model, row_id, what=what)
