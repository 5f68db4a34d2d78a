"""Metrics for Prometheus: requests, collected from all processes, and queued and running jobs, from the database."""

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from conf._celery import crud
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
    gauge = Gauge("campus_jobs", "Jobs that are queued or running", ["queue", "status"], registry=registry)
    try:
        counts = _count()
    except SQLAlchemyError:
        return registry
    for queue in {"short", "long"} | {queue for queue, _ in counts}:
        for status in (JobStatus.QUEUED, JobStatus.RUNNING):
            gauge.labels(queue, status).set(counts.get((queue, status), 0))
    return registry


@with_db_session
def _count(*, db: Session) -> dict[tuple[str, JobStatus], int]:
    return crud.count(db)
