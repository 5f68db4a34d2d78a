"""Publish the ids of due jobs to the broker, from one thread of the process: no request waits for the broker.

A message that cannot be published is only logged: its job is in `jobs`, and the sweep publishes it again.
"""

import atexit
import functools
import os
import queue
import threading
import time

import structlog
from kombu import Connection
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from conf._celery.app import celery_app, connect
from conf._celery.models import Job

log = structlog.get_logger(__name__)

TIMEOUT_S = 2.0
Message = tuple[str, str, int]
"""Task name, queue, job id."""


class Publisher:
    """A thread that publishes messages with publisher confirms."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Message] = queue.Queue(maxsize=10_000)
        self._connection: Connection | None = None
        threading.Thread(target=self._run, name="publisher", daemon=True).start()

    def publish(self, name: str, queue_name: str, job_id: int) -> None:
        """Hand the message to the thread. Returns at once; if the thread's queue is full, the message is dropped."""
        try:
            self._queue.put_nowait((name, queue_name, job_id))
        except queue.Full:
            log.warning("the publisher's queue is full; the sweep will publish this job", job_id=job_id)

    def flush(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until all messages are published, for at most `timeout_s` seconds."""
        end = time.monotonic() + timeout_s
        while self._queue.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.005)

    def _run(self) -> None:
        while True:
            message = self._queue.get()
            try:
                self._publish(message)
            except Exception as error:  # noqa: BLE001  # no error of the broker may end this thread
                dropped = 1 + self._drain()
                log.warning("the broker took no message; the sweep will publish it", jobs=dropped, error=repr(error))
            finally:
                self._queue.task_done()

    def _publish(self, message: Message) -> None:
        """Publish on the open connection; if that fails, on a new one."""
        if self._connection is not None:
            try:
                return self._send(self._connection, message)
            except Exception:  # noqa: BLE001  # the connection may be stale: try a new one
                self._connection.collect(0.1)
        self._connection = connect(timeout_s=TIMEOUT_S)
        try:
            self._send(self._connection, message)
        except BaseException:
            self._connection.collect(0.1)
            self._connection = None
            raise

    @staticmethod
    def _send(connection: Connection, message: Message) -> None:
        name, queue_name, job_id = message
        celery_app.send_task(
            name,
            (job_id,),
            queue=queue_name,
            connection=connection,
            retry=False,
            confirm_timeout=TIMEOUT_S,
            timeout=TIMEOUT_S,
        )

    def _drain(self) -> int:
        """Drop all queued messages, rather than try a broker that is down for each of them. Returns their number."""
        count = 0
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                return count
            self._queue.task_done()
            count += 1


@functools.cache
def _publisher_of(_pid: int) -> Publisher:
    publisher = Publisher()
    atexit.register(publisher.flush)
    return publisher


def publisher() -> Publisher:
    """Return the publisher of this process. Threads do not survive a fork, so each child process has its own."""
    return _publisher_of(os.getpid())


def publish_after_commit(db: Session, job: Job) -> None:
    """Publish the job's id once the transaction has been committed."""
    db.info.setdefault("publish", []).append((job.name, job.queue, job.id))


@event.listens_for(Session, "after_commit")
def _publish(db: Session) -> None:
    if db.in_nested_transaction():  # a savepoint was released
        return
    for name, queue_name, job_id in db.info.pop("publish", ()):
        publisher().publish(name, queue_name, job_id)


@event.listens_for(Session, "after_soft_rollback")
def _discard(db: Session, previous: SessionTransaction) -> None:
    """Discard the messages. The rollback of a savepoint keeps them: a message for a missing row is dropped."""
    if not previous.nested:
        db.info.pop("publish", None)
