"""The Celery application: `celery -A conf._celery.app.celery_app worker`.

There are two queues, `short` and `long`. Run separate workers for them (`-Q short`, `-Q long`), so that short jobs
never wait for long ones. On RabbitMQ they are quorum queues with a dead-letter queue; Valkey and Redis ignore these
arguments.
"""

import os
import signal
import sys
from typing import Any

from celery import Celery
from celery.signals import beat_embedded_init, beat_init, celeryd_after_setup, setup_logging
from kombu import Connection, Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.pyamqp import Transport

from conf import events, hardening, logging, resources, sandbox
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
"""The dead-letter queue, for messages whose worker died at every delivery. It has no consumer and is for debugging
only: the jobs themselves are in PostgreSQL."""


def _queue(name: str) -> Queue:
    return Queue(
        name,
        Exchange("campus.jobs", type="direct"),
        routing_key=name,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": MAX_DELIVERIES - 1,  # RabbitMQ does not count the first delivery
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
    broker_channel_error_retry=True,  # the worker survives RabbitMQ's consumer timeout
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
            # RabbitMQ drops the message if no worker takes it until the next one. (In Valkey, messages pile up while no
            # worker runs; all but the first do nothing then.) Celery's `expires` would compare two machines' clocks.
            "options": {"expiration": _settings.sweep_s, "queue": "short"},
        }
    },
)


class BoundedAmqp(Transport):
    """AMQP transport whose connect timeout applies to every socket operation.

    py-amqp itself has no timeout for opening and closing channels, so it would wait forever for a broker that hangs or
    blocks its clients because it is short of memory.
    """

    def establish_connection(self) -> Any:
        connection = super().establish_connection()
        connection.transport.sock.settimeout(self.client.connect_timeout)
        return connection


TRANSPORT_ALIASES["bounded-amqp"] = f"{__name__}:BoundedAmqp"


def connect(*, timeout_s: float) -> Connection:
    """Return a new, open connection for publishing with publisher confirms. If BROKER_URL is a list, it leads to the
    first broker that answers. Each socket operation takes at most `timeout_s`.

    The worker's own connections must not use confirms: a broker that hangs would block the worker's event loop.

    Raises: an error of kombu, if no broker answers.
    """
    url = get_settings().broker_url
    if url.startswith("amqp"):
        options: dict[str, Any] = {"confirm_publish": True, "max_retries": 0}
        connection = Connection(
            ";".join(f"bounded-amqp://{one.partition('://')[2]}" for one in url.split(";")),
            ssl=url.startswith("amqps"),
            connect_timeout=timeout_s,
            heartbeat=0,
            transport_options=options,
        )
    else:
        options = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "max_retries": 0}
        connection = Connection(url, connect_timeout=timeout_s, transport_options=options)
    # Publishing opens a connection, too, but it tries only the first broker of a list.
    others = url.count(";")
    return connection.ensure_connection(max_retries=max(1, others), interval_start=0, interval_step=0, interval_max=0)


def broker_answers(*, timeout_s: float) -> None:
    """Connect to the broker. Raises: an error of kombu or the operating system, if it cannot be reached."""
    connection = connect(timeout_s=timeout_s)
    try:
        connection.default_channel  # noqa: B018  # opens a channel
    finally:
        connection.collect(timeout_s)


@setup_logging.connect
def _configure_logging(**_: object) -> None:
    logging.setup(get_settings())


@celeryd_after_setup.connect
def _check_environment(**_: object) -> None:
    """Protect the process, and check the sandbox and the event subscriptions, once and before the pool is forked.

    End the worker with status 2 if a required sandbox does not work or a subscription is invalid.
    """
    hardening.protect_process()
    hardening.forget_secrets()
    try:
        sandbox.available()
        events.verify()
    except (Unavailable, events.BadSubscription) as error:
        print(f"campus: {error}", file=sys.stderr, flush=True)
        os._exit(2)  # Celery would turn an exception, and SystemExit too, into an exit status of 0


@beat_init.connect
def _protect_beat(**_: object) -> None:
    hardening.protect_process()


@beat_embedded_init.connect
def _end_beat_with_worker(**_: object) -> None:
    """Have the kernel kill the beat process with the worker: Celery does not stop it if the worker is stopped while it
    starts."""
    die_with_parent(signal.SIGKILL)()
