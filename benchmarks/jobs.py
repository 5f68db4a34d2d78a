"""A job that does nothing, from the call to its end, against a bare Celery task on the same RabbitMQ."""

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
        campus(Path(folder) / "campus", BROKER_URL=broker.url) as made,
    ):
        os.environ.update(made.environment)
        from conf._celery.enqueue import enqueue
        from conf.db.dependencies import with_db_session
        from tests import probes

        ears = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ears.bind(("127.0.0.1", 0))
        ears.settimeout(10)
        made.start(
            *(sys.executable, "-m", "celery", "-A", "benchmarks.bare_task", "worker", "-c", "1"),
            *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
            BARE_PORT=str(ears.getsockname()[1]),
        )
        made.start_worker(beat=False, concurrency=1)
        wait_for(lambda: made.log().count(" ready.") >= 2, within_s=30, what="both workers are ready")
        from benchmarks.bare_task import nothing

        watch = psycopg2.connect(made.environment["DATABASE_URL"])
        watch.autocommit = True
        cursor = watch.cursor()
        put = with_db_session(lambda *, db: enqueue(db, probes.nothing.name).id)
        times: dict[str, list[float]] = {"campus": [], "bare": []}
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            nothing.delay()
            ears.recv(16)
            times["bare"].append(time.perf_counter() - begun)
            begun = time.perf_counter()
            job_id = put()
            while True:
                cursor.execute("SELECT status FROM jobs WHERE id = %s", (job_id,))
                row = cursor.fetchone()
                if row and row[0] == "succeeded":
                    break
            times["campus"].append(time.perf_counter() - begun)
        watch.close()
        medians = {name: statistics.median(values[20:]) * 1000 for name, values in times.items()}
        return [
            *(Result(name, value, unit="ms") for name, value in medians.items()),
            Result("Campus takes longer by", medians["campus"] - medians["bare"], high=10, unit="ms"),
        ]
