"""Plain Celery: a task that sends a UDP packet when it runs."""

import os
import socket

from celery import Celery

app = Celery("bare", broker=os.environ["BROKER_URL"])
app.conf.update(task_ignore_result=True, task_default_queue="bare")
_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


@app.task
def nothing() -> None:
    _socket.sendto(b"done", ("127.0.0.1", int(os.environ["BARE_PORT"])))
