"""The Celery task class of all jobs: claim, lease, heartbeat, fencing, backoff.

A message contains only a job's id. `JobTask` claims the row of the job, calls the task's function with the arguments in
the row, and extends the lease meanwhile. `@with_db_session` marks the job as succeeded in the transaction of the work.
Messages may be delivered twice, late or never. A worker that cannot claim the row drops the message, and the sweep
publishes due jobs again.
"""

import contextlib
import functools
import hashlib
import os
import platform
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.app import celery_app
from conf._celery.models import Job, JobStatus
from conf._celery.publisher import publish_after_commit
from conf.db.dependencies import retry_while_unavailable, with_db_session
from conf.errors import CampusError, Unavailable
from conf.settings import get_settings

log = structlog.get_logger(__name__)

StatusHandler = Callable[[Session, Job], None]
BEAT_S = 1.0


class Stopped(Exception):
    """The attempt must end without effect, because the job was cancelled or, if not `cancelled`, the lease was lost."""

    def __init__(self, *, cancelled: bool) -> None:
        super().__init__("cancelled" if cancelled else "the lease is lost")
        self.cancelled = cancelled


class Attempt:
    """One attempt at a job. Tasks use it as `self.attempt`."""

    def __init__(self, job: Job) -> None:
        self.id = job.id
        self.number = job.attempt
        self.ended = False
        self._progress = 0
        self._stopped: Stopped | None = None
        self._over = threading.Event()

    def progress(self, percent: float) -> None:
        """Report the progress, from 0 to 99 percent; clients see it about a second later. Raises: Stopped."""
        self._progress = max(self._progress, min(99, int(percent)))
        self.check()

    def check(self) -> None:
        """Call it often in long work. Raises: Stopped, if the job was cancelled or another worker has claimed it."""
        if self._stopped is not None:
            raise self._stopped

    def lock_job(self, db: Session) -> Job:
        """Lock and return the job. In the final transaction, call it before locking any other row. Raises: Stopped."""
        job = crud.lock(db, job_id=self.id)
        if job.attempt != self.number or job.status != JobStatus.RUNNING or job.cancel_requested:
            raise Stopped(cancelled=job.cancel_requested)
        return job

    def succeed(self, db: Session) -> None:
        """Mark the job as succeeded in the transaction of `db`.

        Raises: Stopped, if the job was cancelled or this attempt no longer owns it.
        """
        self.check()
        if not crud.succeed(db, job_id=self.id, attempt=self.number):
            raise Stopped(cancelled=bool(crud.get(db, job_id=self.id).cancel_requested))
        self.ended = True

    @contextlib.contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Extend the lease regularly, from a thread."""
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
        sent_progress, last = 0, time.monotonic()
        while not self._over.wait(pause_s):
            if self._progress == sent_progress and time.monotonic() - last < min(lease_s / 5, BEAT_S * 2):
                continue
            try:
                progress = self._progress
                cancelled = _beat(job_id=self.id, attempt=self.number, lease_s=lease_s, progress=progress)
            except DBAPIError as error:
                log.warning("a heartbeat failed; the job continues", job_id=self.id, error=repr(error.orig))
                continue
            sent_progress, last = progress, time.monotonic()
            if cancelled is None or cancelled:
                self._stopped = Stopped(cancelled=bool(cancelled))
                return


class JobTask(Task):
    """A task whose arguments and state are in the table `jobs`. The attributes are options of the task's decorator."""

    abstract = True
    job_queue = "short"
    """`short` or `long`."""
    max_attempts = 5
    retriable = True
    """Whether users may retry the job after it failed or was cancelled."""
    takes_turns = False
    """Whether the owners of the jobs take turns: a worker that is told of a job may run that of another owner first."""
    cancellable = True
    """Whether users may cancel the job."""
    soft_time_limit: float | None = 120
    """Seconds after which the attempt fails with SoftTimeLimitExceeded."""
    time_limit: float | None = 150
    """Seconds after which the worker process is killed."""
    _status_handler: StatusHandler | None = None
    Request = "conf._celery.request:JobRequest"

    @property
    def attempt(self) -> Attempt | None:
        """The current attempt of this worker process; None outside of one."""
        attempt: Attempt | None = getattr(self.request, "attempt", None)
        return attempt

    def on_status_change(self, function: StatusHandler) -> StatusHandler:
        """Decorator: call `function(db, job)` in every transaction that changes a job's status, except to `succeeded`.

        So the row that the job works on always agrees with the job's status. On success, the task itself updates it.
        """
        self._status_handler = function
        return function

    def status_changed(self, db: Session, job: Job) -> None:
        """Call the handler, if there is one."""
        if self._status_handler is not None:
            self._status_handler(db, job)

    def __call__(self, job_id: int) -> None:
        job = _claim(task=self, job_id=job_id, worker=worker_name(self.request.hostname, os.getpid()))
        if job is None:
            log.info("the job cannot be claimed; message dropped", job_id=job_id, task=self.name)
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
            except SystemExit:
                log.info("the worker is shutting down; the job is requeued")
                _requeue_uncounted(attempt=attempt)
                raise
            except Exception as error:
                if is_unavailable(error):
                    log.warning("the database became unavailable during a job", exc_info=error)
                    with contextlib.suppress(DBAPIError):  # otherwise the lease expires, and the sweep requeues the job
                        retry_while_unavailable(_end_attempt, attempt=attempt, error="The database was not available.")
                    return
                known = isinstance(error, CampusError)
                if known:
                    log.warning("job failed", reason=str(error))
                else:
                    log.exception("job failed")
                final = known and not isinstance(error, Unavailable)
                _end_attempt(attempt=attempt, status=JobStatus.FAILED if final else None, error=reason(self, error))


def find(name: str) -> JobTask | None:
    """Return the task with this name; None, if no installed resource has it."""
    celery_app.loader.import_default_modules()
    task: JobTask | None = celery_app.tasks.get(name)
    return task


def is_unavailable(error: Exception) -> bool:
    """Whether the database did not answer, as after a restart: not an error of the task's own SQL."""
    return isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def reason(task: JobTask, error: Exception) -> str:
    """Return the error message for the job's owner. It contains no internal details of unexpected errors."""
    match error:
        case CampusError():
            return error.detail
        case SoftTimeLimitExceeded():
            return f"The job took longer than the allowed {task.soft_time_limit:.0f} seconds."
        case _:
            return "Something went wrong on our side."


def backoff_s(attempt: int) -> float:
    """Return the delay before the retry of this failed attempt.

    It doubles with each attempt, up to an hour. Random jitter reduces it by up to a half.
    """
    full: float = min(3600.0, get_settings().retry_base_s * 2 ** max(0, attempt - 1))
    return full * random.uniform(0.5, 1)  # noqa: S311


def worker_name(node: str, pid: int) -> str:
    """Return the name of a worker process for the column `worker`. `node`: Celery's node name, `<name>@<host>`."""
    return f"{node}/{machine()}/{pid}"


@functools.cache
def machine() -> str:
    """Return what identifies this machine since it was started, or this container: where a process id means the same
    process. Names of hosts are not unique."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    try:
        place = f"{boot.read_text()}{namespace.readlink()}"
    except OSError:
        place = platform.node()
    return hashlib.sha256(place.encode()).hexdigest()[:8]


def end(db: Session, job: Job, *, status: JobStatus | None, error: str | None, backoff: bool = True) -> None:
    """End the attempt at a locked job, with `status` or, if that is None, as the job's state requires.

    With None, the job is cancelled if that was requested, requeued if it has attempts left, and failed otherwise. If
    its task is no longer installed, it fails. Without `backoff`, a requeued job is due at once.
    """
    task = find(job.name)
    if task is None:
        status, error = status or JobStatus.FAILED, error or "The feature of this job is no longer installed."
    if status is None and job.cancel_requested:
        status = JobStatus.CANCELLED
    if status is None and job.attempt >= job.max_attempts:
        status = JobStatus.FAILED
    if status is None and backoff:
        crud.requeue(db, job=job, delay_s=max(0.001, backoff_s(job.attempt)), error=error)
    elif status is None:
        crud.requeue(db, job=job, delay_s=0, error=error)
        publish_after_commit(db, job)
    else:
        crud.end(db, job=job, status=status, error=error)
    if task is not None:
        task.status_changed(db, job)


def stop(db: Session, job: Job) -> None:
    """Cancel a locked job that has not ended: at once if it is queued, within seconds if it is running."""
    job.cancel_requested = True
    if job.status == JobStatus.QUEUED:
        end(db, job, status=JobStatus.CANCELLED, error=None)


@with_db_session
def _claim(*, task: JobTask, job_id: int, worker: str, db: Session) -> Job | None:
    job, lease_s = None, get_settings().lease_s
    # Another worker may choose the same job at the same time, and claim it first.
    while task.takes_turns and job is None and (next_id := crud.next_in_turn(db, name=task.name)) is not None:
        job = crud.claim(db, job_id=next_id, worker=worker, lease_s=lease_s)
    if job is None:
        job = crud.claim(db, job_id=job_id, worker=worker, lease_s=lease_s)
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
    """End an attempt that was interrupted by a shutdown of the worker, and grant the job one more attempt for it."""
    job = crud.lock(db, job_id=attempt.id)
    if job.attempt == attempt.number and job.status == JobStatus.RUNNING:
        job.max_attempts += 1
        end(db, job, status=None, error=None)
