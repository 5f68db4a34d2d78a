"""Latency of a job that does nothing, compared with a plain Celery task on the same RabbitMQ."""

import os
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psycopg2

from benchmarks.measure import Result, campus
from tests.servers import own_rabbitmq, wait_for

ROUNDS = 300


def run() -> list[Result]:
    with (
        own_rabbitmq() as broker,
        tempfile.TemporaryDirectory() as folder,
        campus(Path(folder) / "campus", BROKER_URL=broker.url) as system,
    ):
        os.environ.update(system.environment)
        from conf._celery.enqueue import enqueue
        from conf.db.dependencies import with_db_session
        from tests import probes

        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        system.start(
            *(sys.executable, "-m", "celery", "-A", "benchmarks.bare_task", "worker", "-c", "1"),
            *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
            BARE_PORT=str(receiver.getsockname()[1]),
        )
        system.start_worker(beat=False, concurrency=1)
        wait_for(lambda: system.log().count(" ready.") >= 2, within_s=30, what="both workers are ready")
        from benchmarks.bare_task import nothing

        watch = psycopg2.connect(system.environment["DATABASE_URL"])
        watch.autocommit = True
        cursor = watch.cursor()
        put = with_db_session(lambda *, db: enqueue(db, probes.nothing.name).id)
        times: dict[str, list[float]] = {"Campus": [], "plain Celery": []}
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            nothing.delay()
            receiver.recv(16)
            times["plain Celery"].append(time.perf_counter() - begun)
            begun = time.perf_counter()
            job_id = put()
            while True:
                cursor.execute("SELECT status FROM jobs WHERE id = %s", (job_id,))
                row = cursor.fetchone()
                if row and row[0] == "succeeded":
                    break
            times["Campus"].append(time.perf_counter() - begun)
        watch.close()
        medians = {name: statistics.median(values[20:]) * 1000 for name, values in times.items()}
        return [
            *(Result(name, value, unit="ms") for name, value in medians.items()),
            Result("Campus - plain Celery", medians["Campus"] - medians["plain Celery"], high=10, unit="ms"),
        ]
