"""Queries on `audit_events`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from conf.db.reads import Read
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


_events = AuditEvent.__table__.c
_PAGE = Read(
    select(*_events).order_by(_events.id.desc()).limit(bindparam("limit")),
    before_id=_events.id < bindparam("before_id"),
    subject_id=_events.subject_id == bindparam("subject_id"),
    what=_events.what == bindparam("what"),
)


def page(db: Session, *, limit: int, **conditions: Any) -> Sequence[Row[Any]]:
    """Return events, newest first. `conditions`: `before_id`, only those with a smaller id; `subject_id`, `what`."""
    return _PAGE.all(db, limit=limit, **conditions)
