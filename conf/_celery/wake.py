"""The messages that wake workers, sent by one thread of the process, so that no request ever waits for the broker.

A message that cannot be sent is only logged: its row is in `jobs`, and the sweep sends another.
"""

import atexit
import functools
import os
import queue
import threading
import time

import structlog
from kombu import Connection

from conf._celery.app import celery_app, connect

log = structlog.get_logger(__name__)

SEND_S = 2.0
Wake = tuple[str, str, int]


class Waker:
    """One thread that sends `(task name, queue, job id)` with publisher confirms."""

    def __init__(self) -> None:
        self._line: queue.Queue[Wake] = queue.Queue(maxsize=10_000)
        self._connection: Connection | None = None
        threading.Thread(target=self._run, name="waker", daemon=True).start()

    def wake(self, name: str, queue_name: str, job_id: int) -> None:
        try:
            self._line.put_nowait((name, queue_name, job_id))
        except queue.Full:
            log.warning("too many wake-ups wait for the broker; the sweep will send this one", job_id=job_id)

    def flush(self, timeout_s: float = SEND_S) -> None:
        """Wait until all was sent, for so long at most."""
        end = time.monotonic() + timeout_s
        while self._line.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.005)

    def _run(self) -> None:
        while True:
            wake = self._line.get()
            try:
                self._send(wake)
            except Exception as error:  # noqa: BLE001  # whatever the broker does, this thread lives on
                left = 1 + self._drain()
                log.warning("the broker did not take a wake-up; the sweep will send it", jobs=left, error=repr(error))
            finally:
                self._line.task_done()

    def _send(self, wake: Wake) -> None:
        if self._connection is not None:
            try:
                return self._publish(self._connection, wake)
            except Exception:  # noqa: BLE001  # it may only have grown old; a new connection tells
                self._connection.collect(0.1)
        self._connection = connect(timeout_s=SEND_S)
        try:
            self._publish(self._connection, wake)
        except BaseException:
            self._connection.collect(0.1)
            self._connection = None
            raise

    @staticmethod
    def _publish(connection: Connection, wake: Wake) -> None:
        name, queue_name, job_id = wake
        celery_app.send_task(
            name,
            (job_id,),
            queue=queue_name,
            connection=connection,
            retry=False,
            confirm_timeout=SEND_S,
            timeout=SEND_S,
        )

    def _drain(self) -> int:
        """Leave all that waits to the sweep instead of trying a dead broker for each."""
        count = 0
        while True:
            try:
                self._line.get_nowait()
            except queue.Empty:
                return count
            self._line.task_done()
            count += 1


@functools.cache
def _waker_of(_pid: int) -> Waker:
    made = Waker()
    atexit.register(made.flush)
    return made


def waker() -> Waker:
    """The waker of this process: threads do not survive a fork, so a child makes its own."""
    return _waker_of(os.getpid())
