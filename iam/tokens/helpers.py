"""Signing in and out, and who a token speaks for.

A session is a family of refresh tokens of which one is good at a time. Using it makes the next; using one that is spent
ends the session, for then two hold it. Of two that come at once the row's lock lets one pass, and the other is spent.
"""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from conf._celery.enqueue import enqueue
from conf.db.dependencies import with_db_session
from conf.db.session import release_connection
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
MAIL_S = 3600
VERIFY_S = 7 * 24 * 3600
TRUSTED_S = 30
"""How long a process goes by what it knows of a session before it looks again; for what changes nothing."""
MAX_CACHED_IDENTITIES = 10_000

WELCOME = "iam.tokens.mail_welcome"
RESET = "iam.tokens.mail_reset"


@dataclass(frozen=True, slots=True)
class Tokens:
    """RFC 6749, 5.1."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105  # the protocol's word
    expires_in: int = ACCESS_S
    refresh_expires_in: int = REFRESH_S


def register(
    db: Session, *, origin: Origin, language: Language, email: str, password: str, first_name: str, last_name: str
) -> Tokens:
    """A new student, signed in. Forbidden when it is switched off; Invalid for a bad password; Conflict."""
    if not get_settings().registration:
        raise Forbidden("Registration is switched off here. Ask for an account.")
    passwords.check(password, person=(email,))
    hashed = passwords.hash_of(password)  # first, so that it takes as long when the e-mail is taken
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
    """Unauthenticated, with the same words and after the same time, whether the account or the password is wrong."""
    user = verify_credentials(db, email=email, password=password, origin=origin)
    crud.forget_old(db, user_id=user.id)
    audit.record(db, "signed_in", origin=origin, actor_id=user.id, subject_id=user.id)
    return _begin(db, user_id=user.id, origin=origin)


def verify_credentials(db: Session, *, email: str, password: str, origin: Origin) -> User:
    """The user of that e-mail, who knows the password. Unauthenticated, which goes on record."""
    user = users.by_email(db, email=email)
    release_connection(db)  # nobody waits for a connection while we compute
    right, new_hash = passwords.verify(password, user.password_hash if user else None)
    if user is None or not right:
        audit.record(db, "sign_in_failed", origin=origin, subject_id=user.id if user else None)
        raise Unauthenticated("The e-mail or the password is wrong.", keep_writes=True)
    _assert_still(db, user_id=user.id, hashed=user.password_hash)
    if new_hash:
        users.set_password(db, user_id=user.id, password_hash=new_hash)
    return user


def _assert_still(db: Session, *, user_id: int, hashed: str | None) -> None:
    """Lock the user. Unauthenticated when the password was changed meanwhile: the old one opens nothing more."""
    now = users.with_password_hash(db, user_id=user_id, lock=True)
    if now is None or now.password_hash != hashed:
        raise Unauthenticated("The password was changed just now. Sign in again.")


def _begin(db: Session, *, user_id: int, origin: Origin) -> Tokens:
    session = crud.create(db, user_id=user_id, lifetime_s=REFRESH_S, address=origin.address, agent=origin.agent)
    return _next(db, session)


def _next(db: Session, session: UserSession) -> Tokens:
    """The next pair of the session, in place of any before."""
    access = jwt.encode(Kind.ACCESS, subject=session.user_id, lifetime_s=ACCESS_S, sid=session.id)
    refresh = jwt.encode(Kind.REFRESH, subject=session.user_id, lifetime_s=REFRESH_S, sid=session.id)
    crud.rotate(db, session=session, refresh_hash=_hash(refresh), lifetime_s=REFRESH_S)
    return Tokens(access, refresh)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def refresh(db: Session, *, refresh_token: str, origin: Origin) -> Tokens:
    """The next pair. Unauthenticated; a token that was used before ends its session."""
    claims = jwt.decode(Kind.REFRESH, refresh_token)
    session = crud.lock(db, session_id=claims["sid"])
    if session is None or session.user_id != claims["sub"]:
        raise Unauthenticated("The session has ended. Sign in again.")
    if session.refresh_hash != _hash(refresh_token):
        crud.revoke(db, session_id=session.id, user_id=session.user_id)
        audit.record(db, "refresh_token_reused", origin=origin, subject_id=session.user_id, session_id=session.id)
        raise Unauthenticated("This token was used before, so its session has ended. Sign in again.", keep_writes=True)
    return _next(db, session)


def subject_of(refresh_token: str) -> int:
    """The user whose refresh token it is, spent or not. Unauthenticated."""
    subject: int = jwt.decode(Kind.REFRESH, refresh_token)["sub"]
    return subject


def sign_out(db: Session, *, identity: Identity, session_id: int, origin: Origin) -> None:
    """End a session of one's own. NotFound. This process forgets it at once, others within 30 s."""
    crud.revoke(db, session_id=session_id, user_id=identity.user_id)
    for token in [token for token, (known, _) in list(_identities.items()) if known.session_id == session_id]:
        _identities.pop(token, None)
    audit.record(
        db, "signed_out", origin=origin, actor_id=identity.user_id, subject_id=identity.user_id, session_id=session_id
    )


_identities: dict[str, tuple[Identity, float]] = {}


def identify(db: Session, *, token: str, fresh: bool) -> Identity:
    """Whose access token it is. Unauthenticated.

    A process looks at the session at most every 30 s, or every time with `fresh`: so what changes something sees a
    revocation, a deletion or another role at once, and what only reads within 30 s.
    """
    now = time.time()
    identity, until = _identities.get(token, (None, 0.0))
    if identity is not None and until > now and not fresh:
        return identity
    claims = jwt.decode(Kind.ACCESS, token)
    row = crud.live(db, session_id=claims["sid"], user_id=claims["sub"])
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
    """Whether the session goes on: for what lasts longer than a request."""
    return crud.live(db, session_id=identity.session_id, user_id=identity.user_id) is not None


def clear_identity_cache() -> None:
    """Look at every session again."""
    _identities.clear()


def change_password(db: Session, *, identity: Identity, old: str, new: str, origin: Origin) -> None:
    """Set a new password and end all other sessions. Forbidden when the old one is wrong; Invalid for a bad new one."""
    user = users.with_password_hash(db, user_id=identity.user_id)
    release_connection(db)
    if user is None or not passwords.verify(old, user.password_hash)[0]:
        audit.record(
            db, "password_change_failed", origin=origin, actor_id=identity.user_id, subject_id=identity.user_id
        )
        raise Forbidden("The old password is wrong.", field="old_password", keep_writes=True)
    new_hash = _checked_hash(new, user)
    _assert_still(db, user_id=user.id, hashed=user.password_hash)
    if crud.live(db, session_id=identity.session_id, user_id=user.id) is None:
        raise Unauthenticated("The session has ended. Sign in again.")
    users.set_password(db, user_id=user.id, password_hash=new_hash)
    crud.revoke_all(db, user_id=user.id, but=identity.session_id)
    audit.record(db, "password_changed", origin=origin, actor_id=identity.user_id, subject_id=identity.user_id)


def _checked_hash(new: str, user: User) -> str:
    passwords.check(new, person=(user.email, user.nickname or ""), field="new_password")
    return passwords.hash_of(new)


def mailed_token(kind: Kind, user: User) -> str:
    """For a link in a mail: good once for a reset, since it names the password it replaces."""
    lifetime_s = MAIL_S if kind == Kind.RESET else VERIFY_S
    return jwt.encode(kind, subject=user.id, lifetime_s=lifetime_s, email=user.email, was=_fingerprint(user))


def _fingerprint(user: User) -> str:
    return _hash(user.password_hash or "").hex()[:16]


def reset_password(db: Session, *, token: str, new: str, origin: Origin) -> None:
    """Set a new password by a mailed token, and end all sessions. Invalid when the token or the password is no good."""
    user, claims = _mailed(db, Kind.RESET, token)
    if claims["was"] != _fingerprint(user):
        raise Invalid("This link was used already, or is out of date.", field="token")
    users.set_password(db, user_id=user.id, password_hash=_checked_hash(new, user))
    crud.revoke_all(db, user_id=user.id)
    users.verify_email(db, user_id=user.id, email=user.email)
    audit.record(db, "password_reset", origin=origin, subject_id=user.id)


def verify_email(db: Session, *, token: str) -> None:
    """Note that the mail has been answered. Invalid when the token is no good."""
    user, _ = _mailed(db, Kind.VERIFY, token)
    users.verify_email(db, user_id=user.id, email=user.email)


def _mailed(db: Session, kind: Kind, token: str) -> tuple[User, dict[str, Any]]:
    """The user that the mail with this token went to, locked, and its claims. Invalid."""
    try:
        claims = jwt.decode(kind, token)
    except Unauthenticated:
        raise Invalid("This link is not valid, or no longer.", field="token") from None
    user = users.by_email(db, email=claims["email"])
    if user is None or user.id != claims["sub"]:
        raise Invalid("This link is not valid, or no longer.", field="token")
    return users.lock(db, user_id=user.id), claims
