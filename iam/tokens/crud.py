"""Queries on `sessions`."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from conf.errors import NotFound
from iam.clients.models import AuthorizationCode, Client
from iam.tokens.models import UserSession
from iam.users.models import User

_NOW = func.now()
KEEP_ENDED_FOR = dt.timedelta(days=30)
"""Age after which ended sessions are deleted."""


def _is_live() -> ColumnElement[bool]:
    return UserSession.revoked_at.is_(None) & (UserSession.expires_at > _NOW)


_LIVE = select(
    User.id.label("user_id"), User.role, UserSession.id.label("session_id"), UserSession.client_id, UserSession.scope
).join(User, User.id == UserSession.user_id)


def live(db: Session, *, session_id: int, user_id: int) -> Any:
    """Return the user, role, client and scope of the session, or None if it has ended."""
    return db.execute(_LIVE.where(UserSession.id == session_id, User.id == user_id, _is_live())).one_or_none()


def lock(db: Session, *, session_id: int) -> UserSession | None:
    """Return the session, locked until the transaction ends, or None if the session has ended."""
    query = select(UserSession).where(UserSession.id == session_id, _is_live()).with_for_update()
    return db.scalars(query.execution_options(populate_existing=True)).one_or_none()


def create(
    db: Session,
    *,
    user_id: int,
    lifetime_s: float,
    address: str,
    agent: str,
    client_id: int | None = None,
    scope: str = "",
) -> UserSession:
    session = UserSession(
        user_id=user_id,
        client_id=client_id,
        scope=scope,
        address=address,
        agent=agent,
        expires_at=_NOW + dt.timedelta(seconds=lifetime_s),
    )
    db.add(session)
    db.flush()
    return session


def rotate(db: Session, *, session: UserSession, refresh_hash: bytes, lifetime_s: float) -> None:
    """Store the hash of the new refresh token and prolong the session."""
    session.refresh_hash = refresh_hash
    session.used_at = _NOW
    session.expires_at = _NOW + dt.timedelta(seconds=lifetime_s)
    db.flush()


def list_of_user(db: Session, *, user_id: int) -> Sequence[Any]:
    """Return up to 100 sessions that have not ended, most recently used first, with the names of their clients."""
    query = (
        select(*UserSession.__table__.c, Client.name.label("client"))
        .outerjoin(Client, Client.id == UserSession.client_id)
        .where(UserSession.user_id == user_id, _is_live())
        .order_by(UserSession.used_at.desc(), UserSession.id.desc())
        .limit(100)
    )
    return db.execute(query).all()


def revoke(db: Session, *, session_id: int, user_id: int) -> None:
    """End the session. Raises: NotFound, if it has ended or belongs to another user."""
    query = (
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user_id, _is_live())
        .values(revoked_at=_NOW)
        .returning(UserSession.id)
    )
    if db.scalars(query).one_or_none() is None:
        raise NotFound("session", session_id)


def revoke_all(db: Session, *, user_id: int, but: int | None = None) -> None:
    """End all sessions of the user except `but`, and delete unused authorization codes, which could begin new ones."""
    unused = delete(AuthorizationCode).where(AuthorizationCode.user_id == user_id, AuthorizationCode.used_at.is_(None))
    db.execute(unused)
    query = update(UserSession).where(UserSession.user_id == user_id, UserSession.revoked_at.is_(None))
    if but is not None:
        query = query.where(UserSession.id != but)
    db.execute(query.values(revoked_at=_NOW))


def started_at(db: Session, *, session_id: int) -> dt.datetime | None:
    """Return when the user signed in."""
    return db.scalar(select(UserSession.created_at).where(UserSession.id == session_id))


def delete_ended(db: Session, *, user_id: int) -> None:
    """Delete the user's sessions that ended more than 30 days ago."""
    ended = or_(UserSession.revoked_at < _NOW - KEEP_ENDED_FOR, UserSession.expires_at < _NOW - KEEP_ENDED_FOR)
    db.execute(delete(UserSession).where(UserSession.user_id == user_id, ended))
