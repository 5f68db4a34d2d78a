"""The Celery application: `celery -A conf._celery.app.celery_app worker`.

Two queues, `short` and `long`: run a worker for each (`-Q short`, `-Q long`), so that long work never stands before
short work. On RabbitMQ they are quorum queues with a dead-letter queue; Valkey and Redis ignore those arguments.
"""

import os
import signal
import sys
from typing import Any

from celery import Celery
from celery.signals import beat_embedded_init, celeryd_after_setup, setup_logging
from kombu import Connection, Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.pyamqp import Transport

from conf import events, logging, resources, sandbox
from conf.children import die_with_parent
from conf.errors import Unavailable
from conf.settings import get_settings

QUEUES = ("short", "long")
MAX_DELIVERIES = 3

DEAD = Queue(
    "dead",
    Exchange("campus.dead", type="direct"),
    routing_key="dead",
    queue_arguments={"x-queue-type": "quorum"},
)
"""Messages that killed their worker each time. Their jobs are in PostgreSQL: this is for looking into, not for work."""


def _queue(name: str) -> Queue:
    return Queue(
        name,
        Exchange("campus.jobs", type="direct"),
        routing_key=name,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": MAX_DELIVERIES - 1,  # it counts the deliveries after the first
            "x-dead-letter-exchange": DEAD.exchange.name,
            "x-dead-letter-routing-key": DEAD.routing_key,
        },
    )


def _transport_options(url: str) -> dict[str, Any]:
    if url.startswith("amqp"):
        return {}
    return {
        "visibility_timeout": 3600,
        "socket_keepalive": True,
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
        "health_check_interval": 10,
    }


_settings = get_settings()

celery_app = Celery("campus", task_cls="conf._celery.task:JobTask")
celery_app.conf.update(
    broker_url=_settings.broker_url,
    broker_transport_options=_transport_options(_settings.broker_url),
    broker_connection_timeout=2,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,  # a consumer timeout of RabbitMQ is survived, not died of
    broker_heartbeat=10,
    include=[*resources.task_modules(), "conf._celery.sweep"],
    task_queues=[_queue(name) for name in QUEUES],
    task_default_queue="short",
    task_default_exchange="campus.jobs",
    task_default_routing_key="short",
    task_create_missing_queues=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_acks_on_timeout=False,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_consumer="conf._celery.worker:CampusConsumer",
    worker_prefetch_multiplier=1,
    worker_detect_quorum_queues=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_remote_control=False,
    worker_soft_shutdown_timeout=_settings.worker_grace_s,
    worker_enable_soft_shutdown_on_idle=False,
    worker_redirect_stdouts=False,
    beat_scheduler="celery.beat:Scheduler",
    beat_schedule={
        "sweep": {
            "task": "conf.sweep",
            "schedule": _settings.sweep_s,
            "options": {"expires": _settings.sweep_s, "queue": "short"},
        }
    },
)


class BoundedAmqp(Transport):
    """AMQP on which no wait is longer than the time to connect may be: py-amqp itself has no limit on opening a channel
    or closing, where a broker that hangs, or is short of memory, leaves its clients."""

    def establish_connection(self) -> Any:
        connection = super().establish_connection()
        connection.transport.sock.settimeout(self.client.connect_timeout)
        return connection


TRANSPORT_ALIASES["bounded-amqp"] = f"{__name__}:BoundedAmqp"


def connect(*, timeout_s: float) -> Connection:
    """A connection of one's own for sending with publisher confirms, on which no wait is longer than `timeout_s`.

    The worker's own connections must not confirm: a broker that hangs would block the worker's event loop.
    """
    url = get_settings().broker_url
    if url.startswith("amqp"):
        options: dict[str, Any] = {"confirm_publish": True, "max_retries": 0}
        scheme, _, rest = url.partition("://")
        connection = Connection(
            f"bounded-amqp://{rest}",
            ssl=scheme == "amqps",
            connect_timeout=timeout_s,
            heartbeat=0,
            transport_options=options,
        )
    else:
        options = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "max_retries": 0}
        connection = Connection(url, connect_timeout=timeout_s, transport_options=options)
    return connection


def broker_answers(*, timeout_s: float) -> None:
    """Raise when the broker cannot be reached."""
    connection = connect(timeout_s=timeout_s)
    try:
        connection.connect()
        connection.default_channel  # noqa: B018  # opening it is the question
    finally:
        connection.collect(timeout_s)


@setup_logging.connect
def _configure_logging(**_: object) -> None:
    logging.setup(get_settings())


@celeryd_after_setup.connect
def _check_environment(**_: object) -> None:
    """Say now, once and before the pool is forked, when untrusted files will have no sandbox, or a subscription does
    not fit its event."""
    try:
        sandbox.available()
        events.verify()
    except (Unavailable, events.BadSubscription) as error:
        print(f"campus: {error}", file=sys.stderr, flush=True)
        os._exit(2)  # Celery would turn an exception, and SystemExit too, into an exit status of 0


@beat_embedded_init.connect
def _end_beat_with_worker(**_: object) -> None:
    """Celery forgets its beat process when it is stopped while it starts."""
    die_with_parent(signal.SIGKILL)()
