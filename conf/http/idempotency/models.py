"""The stored response to a request with an `Idempotency-Key`."""

import datetime as dt

from sqlalchemy import DateTime, LargeBinary, SmallInteger, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model


class IdempotencyKey(Model):
    __tablename__ = "idempotency_keys"

    hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the caller, the route and the key."""
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """HMAC-SHA-256 of the request, to detect a key that is reused for a different request."""
    status: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[dict[str, str]] = mapped_column(JSONB)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """The response body, encrypted because it may contain personal data and backups may be read by others."""
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)
