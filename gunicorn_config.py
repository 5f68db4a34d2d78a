"""Settings of `gunicorn -c gunicorn_config.py main:app`.

It runs several uvicorn processes, which share the memory of the code because it is imported before the fork. There is
no `max_requests`, as healthy processes need no restart.
"""

import multiprocessing
import os
import shutil
import tempfile

bind = os.environ.get("BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", multiprocessing.cpu_count()))
worker_class = "conf.http.server.Worker"
preload_app = True
accesslog = None  # conf.http.request_log logs each request
graceful_timeout = 30 + int(float(os.environ.get("DRAIN_S", "0")))
keepalive = 75
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")

# prometheus_client collects the metrics of all processes in files in this folder. It reads the variable on import.
_own_folder = "PROMETHEUS_MULTIPROC_DIR" not in os.environ
if _own_folder:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="campus-metrics-")


def on_starting(server):  # type: ignore[no-untyped-def]
    from conf.hardening import protect_process

    protect_process()


def child_exit(server, worker):  # type: ignore[no-untyped-def]
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server):  # type: ignore[no-untyped-def]
    if _own_folder:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
