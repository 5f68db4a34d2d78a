"""Signing in and out, identifying the caller by an access token, and changing passwords.

A session is a family of refresh tokens (refresh token rotation). Only the newest token is valid; a refresh replaces it.
A token that is used a second time ends the session, because somebody else may have a copy of it. If two requests send
the same token at the same time, the lock on the session's row lets the first one refresh; the second one ends the
session.
"""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from conf._celery.enqueue import enqueue
from conf.db.dependencies import with_db_session
from conf.db.session import read_on_main, release_connection
from conf.errors import Forbidden, Invalid, Unauthenticated
from conf.settings import get_settings
from conf.values import Language
from iam.audit import crud as audit
from iam.audit.crud import Origin
from iam.roles import Identity, Role
from iam.tokens import crud, jwt
from iam.tokens.jwt import Kind
from iam.tokens.models import UserSession
from iam.users import crud as users
from iam.users import passwords
from iam.users.models import User

ACCESS_S = 15 * 60
REFRESH_S = 30 * 24 * 3600
DEVICE_S = 180 * 24 * 3600
MAIL_S = 3600
"""Lifetime of a link to set a password."""
VERIFY_S = 7 * 24 * 3600
"""Lifetime of a link to verify an e-mail address."""
TRUSTED_S = 30
"""Seconds for which a process trusts its cached identity of an access token, for requests that only read."""
MAX_CACHED_IDENTITIES = 10_000

WELCOME = "iam.tokens.mail_welcome"
RESET = "iam.tokens.mail_reset"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The response to a sign-in or a refresh (RFC 6749, 5.1)."""

    access_token: str
    refresh_token: str
    device_token: str
    token_type: str = "Bearer"  # noqa: S105  # the protocol's word
    expires_in: int = ACCESS_S
    refresh_expires_in: int = REFRESH_S


def register(
    db: Session, *, origin: Origin, language: Language, email: str, password: str, first_name: str, last_name: str
) -> Tokens:
    """Create a student account and sign in.

    Raises: Forbidden, if registration is switched off; Invalid, if the password is not acceptable; Conflict, if the
    e-mail is taken.
    """
    if not get_settings().registration:
        raise Forbidden("Registration is switched off. Ask an admin for an account.")
    passwords.check(password, person=(email,))
    hashed = passwords.hash_of(password)  # before the insert, so that a taken e-mail takes the same time
    user = users.create(
        db,
        email=email,
        password_hash=hashed,
        role=Role.STUDENT,
        language=language,
        first_name=first_name,
        last_name=last_name,
    )
    audit.record(db, "registered", origin=origin, actor_id=user.id, subject_id=user.id)
    enqueue(db, WELCOME, user_id=user.id)
    return _begin(db, user_id=user.id, origin=origin)


def sign_in(db: Session, *, email: str, password: str, origin: Origin) -> Tokens:
    """Begin a session. Raises: Unauthenticated, with the same message and after the same time whether the e-mail or the
    password is wrong."""
    user = verify_credentials(db, email=email, password=password, origin=origin)
    crud.delete_ended(db, user_id=user.id)
    audit.record(db, "signed_in", origin=origin, actor_id=user.id, subject_id=user.id)
    return _begin(db, user_id=user.id, origin=origin)


def device_of(token: str) -> str | None:
    """Return what identifies the device of the token: the session that began with a sign-in on it, whose refreshes
    renew the token. None, if the token is invalid or has expired."""
    try:
        return str(jwt.decode(Kind.DEVICE, token).get("device"))
    except Unauthenticated:
        return None


def is_known_device(db: Session, *, token: str, email: str) -> bool:
    """Return whether the device token was issued to the account with this e-mail address, and the password has not
    changed since."""
    if device_of(token) is None:
        return False
    claims, user = jwt.decode(Kind.DEVICE, token), users.by_email(db, email=email)
    return user is not None and (user.id, _fingerprint(user)) == (claims["sub"], claims.get("was"))


def attempts_key(db: Session, *, email: str) -> str:
    """Return the key under which failed sign-ins to an account are counted.

    It changes with the password, so a reset by mail lets the owner sign in during an attack.
    """
    user = users.by_email(db, email=email)
    return f"{email} {_fingerprint(user) if user else ''}"


def verify_credentials(db: Session, *, email: str, password: str, origin: Origin) -> User:
    """Return the user with this e-mail and password. Raises: Unauthenticated; the audit trail records the failure."""
    user = users.by_email(db, email=email)
    release_connection(db)  # hashing takes long: other requests can use the connection meanwhile
    right, new_hash = passwords.verify(password, user.password_hash if user else None)
    if user is None or not right:
        audit.record(db, "sign_in_failed", origin=origin, subject_id=user.id if user else None)
        raise Unauthenticated("The e-mail or the password is wrong.", keep_writes=True)
    _lock_if_password_unchanged(db, user_id=user.id, hashed=user.password_hash)
    if new_hash:
        users.set_password(db, user_id=user.id, password_hash=new_hash)
    return user


def _lock_if_password_unchanged(db: Session, *, user_id: int, hashed: str | None) -> None:
    """Lock the user. Raises: Unauthenticated, if the password was changed while the old one was being verified."""
    now = users.with_password_hash(db, user_id=user_id, lock=True)
    if now is None or now.password_hash != hashed:
        raise Unauthenticated("The password has just been changed. Sign in again.")


def _begin(db: Session, *, user_id: int, origin: Origin) -> Tokens:
    session = crud.create(db, user_id=user_id, lifetime_s=REFRESH_S, address=origin.address, agent=origin.agent)
    return _rotate(db, session)


def _rotate(db: Session, session: UserSession) -> Tokens:
    """Make new tokens for the session. They replace its previous refresh token."""
    user = users.with_password_hash(db, user_id=session.user_id)
    assert user is not None
    access = jwt.encode(Kind.ACCESS, subject=session.user_id, lifetime_s=ACCESS_S, sid=session.id)
    device = jwt.encode(
        Kind.DEVICE, subject=session.user_id, lifetime_s=DEVICE_S, device=session.id, was=_fingerprint(user)
    )
    refresh = jwt.encode(Kind.REFRESH, subject=session.user_id, lifetime_s=REFRESH_S, sid=session.id)
    crud.rotate(db, session=session, refresh_hash=_hash(refresh), lifetime_s=REFRESH_S)
    return Tokens(access, refresh, device)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def refresh(db: Session, *, refresh_token: str, origin: Origin) -> Tokens:
    """Return new tokens. Raises: Unauthenticated; if the token was already used, its session ends."""
    claims = jwt.decode(Kind.REFRESH, refresh_token)
    session = crud.lock(db, session_id=claims["sid"])
    if session is None or session.user_id != claims["sub"]:
        raise Unauthenticated("The session has ended. Sign in again.")
    if session.refresh_hash != _hash(refresh_token):
        crud.revoke(db, session_id=session.id, user_id=session.user_id)
        audit.record(db, "refresh_token_reused", origin=origin, subject_id=session.user_id, session_id=session.id)
        raise Unauthenticated(
            "This refresh token was already used, so its session has ended. Sign in again.", keep_writes=True
        )
    return _rotate(db, session)


def subject_of(refresh_token: str) -> int:
    """Return the id of the user that the refresh token was issued to, even if it was already used.

    Raises: Unauthenticated, if it is invalid or has expired.
    """
    subject: int = jwt.decode(Kind.REFRESH, refresh_token)["sub"]
    return subject


def sign_out(db: Session, *, identity: Identity, session_id: int, origin: Origin) -> None:
    """End one of the caller's sessions. Raises: NotFound.

    Other processes may accept its access token for up to 30 s more, for requests that only read; see `identify`.
    """
    crud.revoke(db, session_id=session_id, user_id=identity.user_id)
    for token in [token for token, (cached, _) in list(_identities.items()) if cached.session_id == session_id]:
        _identities.pop(token, None)
    audit.record(
        db, "signed_out", origin=origin, actor_id=identity.user_id, subject_id=identity.user_id, session_id=session_id
    )


_identities: dict[str, tuple[Identity, float]] = {}


def identify(db: Session, *, token: str, fresh: bool) -> Identity:
    """Return the identity of the caller with this access token. Raises: Unauthenticated.

    Each process caches identities for 30 s. With `fresh`, the session is read from the database: routes that change
    something use it, so a revoked session, a deleted account or a new role takes effect for them at once, and for
    routes that only read within 30 s.
    """
    now = time.time()
    identity, until = _identities.get(token, (None, 0.0))
    if identity is not None and until > now and not fresh:
        return identity
    claims = jwt.decode(Kind.ACCESS, token)
    with read_on_main(db) as latest:  # a session that has just begun may not be in the replica yet
        row = crud.live(latest, session_id=claims["sid"], user_id=claims["sub"])
    if row is None or row.client_id is not None:
        _identities.pop(token, None)
        raise Unauthenticated("The session has ended. Sign in again.")
    identity = Identity(row.user_id, row.role, row.session_id)
    if len(_identities) >= MAX_CACHED_IDENTITIES:
        _identities.clear()
    _identities[token] = identity, min(now + TRUSTED_S, claims["exp"])
    return identity


@with_db_session
def is_live(*, identity: Identity, db: Session) -> bool:
    """Return whether the session has not ended. Streams call it repeatedly, since they outlast their first check."""
    return crud.live(db, session_id=identity.session_id, user_id=identity.user_id) is not None


def clear_identity_cache() -> None:
    """Forget all cached identities."""
    _identities.clear()


def change_password(db: Session, *, identity: Identity, old: str, new: str, origin: Origin) -> None:
    """Set a new password and end all other sessions.

    Raises: Forbidden, if the old password is wrong; Invalid, if the new one is not acceptable; Unauthenticated, if the
    session has ended or the password was changed meanwhile.
    """
    user = users.with_password_hash(db, user_id=identity.user_id)
    release_connection(db)
    if user is None or not passwords.verify(old, user.password_hash)[0]:
        audit.record(
            db, "password_change_failed", origin=origin, actor_id=identity.user_id, subject_id=identity.user_id
        )
        raise Forbidden("The old password is wrong.", field="old_password", keep_writes=True)
    new_hash = _checked_hash(new, user)
    _lock_if_password_unchanged(db, user_id=user.id, hashed=user.password_hash)
    if crud.live(db, session_id=identity.session_id, user_id=user.id) is None:
        raise Unauthenticated("The session has ended. Sign in again.")
    users.set_password(db, user_id=user.id, password_hash=new_hash)
    crud.revoke_all(db, user_id=user.id, but=identity.session_id)
    audit.record(db, "password_changed", origin=origin, actor_id=identity.user_id, subject_id=identity.user_id)


def _checked_hash(new: str, user: User) -> str:
    passwords.check(new, person=(user.email, user.nickname or ""), field="new_password")
    return passwords.hash_of(new)


def mailed_token(kind: Kind, user: User) -> str:
    """Return a token for a link in an e-mail.

    It contains a fingerprint of the current password, so a new password makes reset links invalid: each works once.
    """
    lifetime_s = MAIL_S if kind == Kind.RESET else VERIFY_S
    return jwt.encode(kind, subject=user.id, lifetime_s=lifetime_s, email=user.email, was=_fingerprint(user))


def _fingerprint(user: User) -> str:
    return _hash(user.password_hash or "").hex()[:16]


def reset_password(db: Session, *, token: str, new: str, origin: Origin) -> None:
    """Set a new password with a token from an e-mail, mark the e-mail address as verified, and end all sessions.

    Raises: Invalid, if the token or the password is not acceptable.
    """
    user, claims = _recipient(db, Kind.RESET, token)
    if claims["was"] != _fingerprint(user):
        raise Invalid(
            "This link is no longer valid: the password has been changed since. Request a new one.",
            field="token",
        )
    users.set_password(db, user_id=user.id, password_hash=_checked_hash(new, user))
    crud.revoke_all(db, user_id=user.id)
    users.verify_email(db, user_id=user.id, email=user.email)
    audit.record(db, "password_reset", origin=origin, subject_id=user.id)


def verify_email(db: Session, *, token: str) -> None:
    """Mark the e-mail address as verified. Raises: Invalid, if the token is not acceptable."""
    user, _ = _recipient(db, Kind.VERIFY, token)
    users.verify_email(db, user_id=user.id, email=user.email)


def _recipient(db: Session, kind: Kind, token: str) -> tuple[User, dict[str, Any]]:
    """Return the user to whom this token was mailed, locked, and the token's claims. Raises: Invalid, if the token is
    invalid or has expired, or the user has another e-mail address now."""
    try:
        claims = jwt.decode(kind, token)
    except Unauthenticated:
        raise Invalid("This link is invalid or has expired. Request a new one.", field="token") from None
    user = users.by_email(db, email=claims["email"])
    if user is None or user.id != claims["sub"]:
        raise Invalid("This link is invalid or has expired. Request a new one.", field="token")
    return users.lock(db, user_id=user.id), claims
