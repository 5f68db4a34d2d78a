"""Queries on `audit_events`."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from iam.audit.models import AuditEvent


@dataclass(frozen=True, slots=True)
class Origin:
    """The IP address and the user agent of a request."""

    address: str = ""
    agent: str = ""


SYSTEM = Origin(agent="command line")
"""The origin of events that are caused by the command line or by a worker."""


def record(
    db: Session,
    what: str,
    *,
    origin: Origin,
    actor_id: int | None = None,
    subject_id: int | None = None,
    **details: object,
) -> None:
    """Add an event to the audit trail, in the caller's transaction."""
    record_all(db, what, origin=origin, actor_id=actor_id, subject_ids=[subject_id], **details)


def record_all(
    db: Session,
    what: str,
    *,
    origin: Origin,
    actor_id: int | None,
    subject_ids: Sequence[int | None],
    **details: object,
) -> None:
    """Add one event for each subject, in the caller's transaction."""
    for subject_id in subject_ids:
        db.add(
            AuditEvent(
                what=what,
                actor_id=actor_id,
                subject_id=subject_id,
                address=origin.address,
                agent=origin.agent,
                details=details,
            )
        )
    db.flush()


def page(
    db: Session, *, before_id: int | None, limit: int, subject_id: int | None = None, what: str | None = None
) -> Sequence[AuditEvent]:
    """Return events, newest first."""
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(AuditEvent.id < before_id)
    if subject_id is not None:
        query = query.where(AuditEvent.subject_id == subject_id)
    if what is not None:
        query = query.where(AuditEvent.what == what)
    return db.scalars(query).all()
