"""Worker boot steps: declare the dead-letter queue, touch the heartbeat file, leave out steps that we do not need."""

import signal
from typing import Any, ClassVar

import structlog
from celery import bootsteps
from celery.signals import worker_ready
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

from conf._celery.app import DEAD, celery_app
from conf._celery.request import requeue_of_dead_here
from conf.settings import get_settings
from conf.work import sweep_work

log = structlog.get_logger(__name__)

ALIVE_EVERY_S = 5.0


class DeadLetters(bootsteps.StartStopStep):
    """Declare the dead-letter queue, as Celery declares only the queues that it consumes."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def start(self, consumer: Any) -> None:
        if consumer.connection.transport.driver_type == "amqp":
            with consumer.connection.channel() as channel:
                DEAD(channel).declare()


class Alive(bootsteps.StartStopStep):
    """Touch `heartbeat_file` from the worker's event loop. If the loop hangs, the file is not updated."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, _consumer: Any, **_: Any) -> None:
        self._timer: Any = None

    def register_with_event_loop(self, _consumer: Any, hub: Any) -> None:
        if self._timer is None:
            _beat()
            self._timer = hub.call_repeatedly(ALIVE_EVERY_S, _beat)

    def stop(self, _consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    terminate = shutdown = stop


class CampusConsumer(Consumer):
    """A consumer without mingle, gossip and Celery's heartbeat, and without queues for delayed delivery.

    We do not need the communication between workers, and it can block if the broker hangs. Delayed delivery takes 28
    queues; our delays are in the table `jobs`.
    """

    class Blueprint(Consumer.Blueprint):
        default_steps: ClassVar = [
            step for step in Consumer.Blueprint.default_steps if not step.endswith(":DelayedDelivery")
        ]

    def __init__(self, *args: Any, worker_options: dict[str, Any] | None = None, **kwargs: Any) -> None:
        disabled = {"without_mingle": True, "without_gossip": True, "without_heartbeat": True}
        super().__init__(*args, worker_options={**(worker_options or {}), **disabled}, **kwargs)

    def ensure_connected(self, connection: Any) -> Any:
        """Retry the connection at least every 3 s, instead of at growing intervals, and keep up the heartbeat."""

        def tick() -> None:
            _beat()
            maybe_shutdown()

        connected = connection.ensure_connection(
            _log_broker_down, None, interval_start=0.5, interval_step=0.5, interval_max=3, callback=tick
        )
        self.first_connection_attempt = False
        return connected


celery_app.steps["consumer"].update({DeadLetters, Alive})


def _beat() -> None:
    path = get_settings().heartbeat_file
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _log_broker_down(error: Exception, interval_s: float) -> None:
    log.warning("the broker is not available", error=str(error), retry_in_s=interval_s)


@worker_ready.connect
def _on_worker_ready(**_: Any) -> None:
    requeue_of_dead_here()
    # Orchestrators send SIGTERM, for which Celery would wait for the running job without limit. The handler of SIGQUIT
    # waits for `worker_grace_s`, then raises SystemExit in the job, which requeues it.
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGQUIT))
    sweep_work()
