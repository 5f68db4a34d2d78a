"""The audit trail."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Index, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model


class AuditEvent(Model):
    """One event. It has no foreign keys, so it stays when the users it names are deleted."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_subject_id", "subject_id", "id"),
        Index("ix_audit_events_what", "what", "id"),
    )

    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    what: Mapped[str] = mapped_column(String(40))
    """The kind of event: `signed_in`, `role_changed`, …"""
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    """The user who caused the event; null if nobody was signed in."""
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    """The user whom the event concerns; null if it concerns none."""
    address: Mapped[str] = mapped_column(String(45))
    agent: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
