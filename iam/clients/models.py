"""Tables of the OAuth server: clients, authorization codes and signing keys."""

import datetime as dt

from sqlalchemy import ARRAY, BigInteger, ForeignKey, LargeBinary, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, Timestamps


class Client(Timestamps, Model):
    """A program that lets people log in with their Campus account (RFC 6749, 2)."""

    __tablename__ = "clients"

    client_id: Mapped[str] = mapped_column(String(40), unique=True)
    """The identifier that the client sends in OAuth requests; not the primary key."""
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 of the secret. Null: a public client, such as a program in a browser or on a phone."""
    name: Mapped[str] = mapped_column(String(100))
    website: Mapped[str | None] = mapped_column(String(200))
    redirect_uris: Mapped[list[str]] = mapped_column(ARRAY(Text))
    owner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True)

    @property
    def confidential(self) -> bool:
        return self.secret_hash is not None


class AuthorizationCode(Model):
    """An authorization code (RFC 6749, 4.1.2), valid once and for a minute."""

    __tablename__ = "authorization_codes"

    hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the code."""
    client_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    redirect_uri: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(String(200))
    nonce: Mapped[str | None] = mapped_column(Text)
    code_challenge: Mapped[str] = mapped_column(String(128))
    signed_in_at: Mapped[dt.datetime]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]
    session_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("sessions.id", ondelete="SET NULL"), index=True
    )
    """The session that the client got for the code."""


class SigningKey(Model):
    """An RSA key that signs ID tokens, encrypted with a password derived from the SECRET_KEY that has this id."""

    __tablename__ = "signing_keys"

    key_id: Mapped[str] = mapped_column(String(16), unique=True)
    pem: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
