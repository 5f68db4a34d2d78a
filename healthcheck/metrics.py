"""Metrics for Prometheus: requests, collected from all processes, and queued and running jobs, from the database."""

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.app import QUEUES
from conf._celery.models import JobStatus
from conf.db.dependencies import with_db_session

CONTENT_TYPE = CONTENT_TYPE_LATEST


def render() -> bytes:
    """Return all metrics in the text format of Prometheus."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry) + generate_latest(_jobs())


def _jobs() -> CollectorRegistry:
    registry = CollectorRegistry()
    try:
        counts, due, sweep_age_s = _read()
    except SQLAlchemyError:
        return registry
    gauge = Gauge(
        "campus_jobs", "Jobs that are queued, also for later, or running", ["queue", "status"], registry=registry
    )
    due_gauge = Gauge("campus_jobs_due", "Queued jobs that are due: scale by them", ["queue"], registry=registry)
    oldest = Gauge(
        "campus_job_oldest_seconds", "Seconds for which the oldest due job has waited", ["queue"], registry=registry
    )
    for queue in {*QUEUES, *due, *(queue for queue, _ in counts)}:
        for status in (JobStatus.QUEUED, JobStatus.RUNNING):
            gauge.labels(queue, status).set(counts.get((queue, status), 0))
        number, seconds = due.get(queue, (0, 0.0))
        due_gauge.labels(queue).set(number)
        oldest.labels(queue).set(seconds)
    if sweep_age_s is not None:
        Gauge("campus_sweep_age_seconds", "Seconds since the last sweep began", registry=registry).set(sweep_age_s)
    return registry


@with_db_session
def _read(*, db: Session) -> tuple[dict[tuple[str, JobStatus], int], dict[str, tuple[int, float]], float | None]:
    return crud.count(db), crud.due_by_queue(db), crud.sweep_age_s(db)
