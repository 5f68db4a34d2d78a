"""Sessions: one for each sign-in, and one for each authorization code that a client has redeemed."""

import datetime as dt

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, func
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model


class UserSession(Model):
    """A family of refresh tokens. Only the newest is valid; its hash is stored here."""

    __tablename__ = "sessions"

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    """The OAuth client that acts for the user; null if the user has signed in to Campus itself."""
    scope: Mapped[str] = mapped_column(String(200), default="")
    refresh_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 of the newest refresh token; null for the session of a client, which has none."""
    address: Mapped[str] = mapped_column(String(45))
    agent: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    """When the session was last refreshed."""
    expires_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]
