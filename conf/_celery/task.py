"""The Celery task behind every job: claim, lease, heartbeat, fencing, backoff.

A message carries a job's id. `JobTask` claims that row, calls the task's function with the row's arguments, and keeps
the lease alive meanwhile. `@with_db_session` ends the job in the transaction of the work itself. Messages may
come twice, late or never: whoever cannot claim the row drops the message, and the sweep sends a new one.
"""

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator

import structlog
from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.app import celery_app
from conf._celery.models import Job, JobStatus
from conf.db.dependencies import retry_while_unavailable, with_db_session
from conf.errors import CampusError, Unavailable
from conf.settings import get_settings

log = structlog.get_logger(__name__)

StatusHandler = Callable[[Session, Job], None]
BEAT_S = 1.0


class Stopped(Exception):
    """The attempt must end without effect. `cancelled`: on request; else somebody else has the job now."""

    def __init__(self, *, cancelled: bool) -> None:
        super().__init__("cancelled" if cancelled else "the lease is lost")
        self.cancelled = cancelled


class Attempt:
    """One attempt at a job, as its task sees it (`self.job`)."""

    def __init__(self, job: Job) -> None:
        self.id = job.id
        self.number = job.attempt
        self.ended = False
        self._progress = 0
        self._stopped: Stopped | None = None
        self._over = threading.Event()

    def progress(self, percent: float) -> None:
        """Say how far the work is; clients see it within a second. Raises Stopped like `check`."""
        self._progress = max(self._progress, min(99, int(percent)))
        self.check()

    def check(self) -> None:
        """Raise Stopped when a cancel was asked for or the job was taken over. Call it often in long work."""
        if self._stopped is not None:
            raise self._stopped

    def lock_job(self, db: Session) -> None:
        """Lock the job's row at the beginning of the last transaction, before any other row. Raises Stopped."""
        job = crud.lock(db, job_id=self.id)
        if job.attempt != self.number or job.status != JobStatus.RUNNING or job.cancel_requested:
            raise Stopped(cancelled=job.cancel_requested)

    def succeed(self, db: Session) -> None:
        """End the job in the transaction of `db`. Stopped when it is no longer this attempt's to end."""
        self.check()
        if not crud.succeed(db, job_id=self.id, attempt=self.number):
            raise Stopped(cancelled=bool(crud.get(db, job_id=self.id).cancel_requested))
        self.ended = True

    @contextlib.contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Keep the lease alive, from a thread."""
        thread = threading.Thread(target=self._beat, name=f"job-{self.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join(5)

    def _beat(self) -> None:
        lease_s = get_settings().lease_s
        pause_s = min(BEAT_S, lease_s / 5)
        told, last = 0, time.monotonic()
        while not self._over.wait(pause_s):
            if self._progress == told and time.monotonic() - last < min(lease_s / 5, BEAT_S * 2):
                continue
            try:
                progress = self._progress
                asked = _beat(job_id=self.id, attempt=self.number, lease_s=lease_s, progress=progress)
            except DBAPIError as error:
                log.warning("a heartbeat failed; the work goes on", job_id=self.id, error=repr(error.orig))
                continue
            told, last = progress, time.monotonic()
            if asked is None or asked:
                self._stopped = Stopped(cancelled=bool(asked))
                return


class JobTask(Task):
    """A task whose arguments and state live in `jobs`. Options: `job_queue`, `max_attempts`, `soft_time_limit`,
    `retriable` (False: once it has failed, it cannot be run again by hand), `stoppable` (False: nobody stops it by
    hand)."""

    abstract = True
    job_queue = "short"
    max_attempts = 5
    retriable = True
    stoppable = True
    soft_time_limit: float | None = 120
    time_limit: float | None = 150
    _status_handler: StatusHandler | None = None

    @property
    def job(self) -> Attempt | None:
        """The attempt this worker makes at the moment."""
        attempt: Attempt | None = getattr(self.request, "attempt", None)
        return attempt

    def on_status_change(self, function: StatusHandler) -> StatusHandler:
        """Decorator: call `function(db, job)` in every transaction that changes the job's status, except its success,
        which the task writes itself. So the row that the job is about never contradicts the job."""
        self._status_handler = function
        return function

    def status_changed(self, db: Session, job: Job) -> None:
        """Call the handler, if there is one."""
        if self._status_handler is not None:
            self._status_handler(db, job)

    def __call__(self, job_id: int) -> None:
        job = _claim(task=self, job_id=job_id, worker=f"{self.request.hostname}/{os.getpid()}")
        if job is None:
            log.info("the job is not free; message dropped", job_id=job_id, task=self.name)
            return
        attempt = Attempt(job)
        self.request.attempt = attempt
        with structlog.contextvars.bound_contextvars(job_id=job.id, attempt=job.attempt, task=self.name):
            try:
                with attempt.heartbeat():
                    self.run(**job.args)
                if not attempt.ended:
                    raise TypeError(f"{self.name} must be decorated with @with_db_session")
                log.info("job done")
            except Stopped as stopped:
                log.info("job stopped", reason=str(stopped))
                if stopped.cancelled:
                    _end_attempt(attempt=attempt, status=JobStatus.CANCELLED, error=None)
            except DBAPIError as error:
                log.warning("job lost its database", exc_info=error)
                with contextlib.suppress(DBAPIError):  # else the lease ends, and the sweep gives it back
                    retry_while_unavailable(_end_attempt, attempt=attempt, error="The database did not answer.")
            except SystemExit:
                log.info("the worker is asked to stop; the job goes back in line")
                _requeue_uncounted(attempt=attempt)
                raise
            except Exception as error:
                known = isinstance(error, CampusError)
                if known:
                    log.warning("job failed", reason=str(error))
                else:
                    log.exception("job failed")
                final = known and not isinstance(error, Unavailable)
                _end_attempt(attempt=attempt, status=JobStatus.FAILED if final else None, error=reason(self, error))


def find(name: str) -> JobTask | None:
    """The task of that name; None when no installed resource has it."""
    celery_app.loader.import_default_modules()
    task: JobTask | None = celery_app.tasks.get(name)
    return task


def reason(task: JobTask, error: Exception) -> str:
    """Why it failed, for the person whose work it is: nothing of the inside."""
    match error:
        case CampusError():
            return error.detail
        case SoftTimeLimitExceeded():
            return f"It took longer than the {task.soft_time_limit:.0f} seconds allowed."
        case _:
            return "Something went wrong on our side."


def backoff_s(attempt: int) -> float:
    """The wait after the failure of that attempt: doubled each time, up to an hour, between half and all of it."""
    full: float = min(3600.0, get_settings().retry_base_s * 2 ** max(0, attempt - 1))
    return full * random.uniform(0.5, 1)  # noqa: S311


def end(db: Session, job: Job, *, status: JobStatus | None, error: str | None) -> None:
    """End the attempt at a locked job: with `status`, or in line again while it has attempts left. For good when its
    task is no longer installed."""
    task = find(job.name)
    if task is None:
        status, error = status or JobStatus.FAILED, error or "What this job did is no longer installed."
    if status is None and job.cancel_requested:
        status = JobStatus.CANCELLED
    if status is None and job.attempt >= job.max_attempts:
        status = JobStatus.FAILED
    if status is None:
        crud.requeue(db, job=job, delay_s=max(0.001, backoff_s(job.attempt)), error=error)
    else:
        crud.end(db, job=job, status=status, error=error)
    if task is not None:
        task.status_changed(db, job)


def stop(db: Session, job: Job) -> None:
    """Stop a locked job that has not ended: at once while it waits, within seconds while it runs."""
    job.cancel_requested = True
    if job.status == JobStatus.QUEUED:
        end(db, job, status=JobStatus.CANCELLED, error=None)


@with_db_session
def _claim(*, task: JobTask, job_id: int, worker: str, db: Session) -> Job | None:
    job = crud.claim(db, job_id=job_id, worker=worker, lease_s=get_settings().lease_s)
    if job is not None:
        task.status_changed(db, job)
    return job


@with_db_session
def _beat(*, job_id: int, attempt: int, lease_s: float, progress: int, db: Session) -> bool | None:
    return crud.extend_lease(db, job_id=job_id, attempt=attempt, lease_s=lease_s, progress=progress)


@with_db_session
def _end_attempt(*, attempt: Attempt, status: JobStatus | None = None, error: str | None, db: Session) -> None:
    job = crud.lock(db, job_id=attempt.id)
    if job.attempt == attempt.number and job.status == JobStatus.RUNNING:
        end(db, job, status=status, error=error)


@with_db_session
def _requeue_uncounted(*, attempt: Attempt, db: Session) -> None:
    """End an attempt that a shutdown cut short: it does not count."""
    job = crud.lock(db, job_id=attempt.id)
    if job.attempt == attempt.number and job.status == JobStatus.RUNNING:
        job.max_attempts += 1
        end(db, job, status=None, error=None)
