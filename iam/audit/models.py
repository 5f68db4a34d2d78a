"""The audit trail."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Index, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model


class AuditEvent(Model):
    """What somebody did. It outlives the people it names: no foreign keys."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_subject_id", "subject_id", "id"),)

    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    what: Mapped[str] = mapped_column(String(40))
    """`signed_in`, `role_changed` …"""
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    """The user who did it; null when nobody was signed in."""
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    """The user it was done to."""
    address: Mapped[str] = mapped_column(String(45))
    agent: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
