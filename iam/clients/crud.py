"""Queries on `clients`, `authorization_codes` and `signing_keys`."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from conf.db import rows
from conf.db.reads import Read
from conf.errors import NotFound
from iam.clients.models import AuthorizationCode, Client, SigningKey

_NOW = func.now()


def get(db: Session, *, client_id: str) -> Client:
    """Return the client with this OAuth `client_id`. Raises: NotFound."""
    client = find(db, client_id=client_id)
    if client is None:
        raise NotFound("client", client_id)
    return client


def find(db: Session, *, client_id: str) -> Client | None:
    return db.scalars(select(Client).where(Client.client_id == client_id)).one_or_none()


_clients = Client.__table__.c
_SHOWN = select(*_clients, _clients.secret_hash.is_not(None).label("confidential"))
_ONE = Read(_SHOWN.where(_clients.client_id == bindparam("client_id")))
_PAGE = Read(
    _SHOWN.order_by(_clients.id).limit(bindparam("limit")),
    after_id=_clients.id > bindparam("after_id"),
    owner_id=_clients.owner_id == bindparam("owner_id"),
)


def view(db: Session, *, client_id: str) -> Row[Any]:
    """Return the client with `confidential`. Raises: NotFound."""
    row: Row[Any] = _ONE.get(db, "client", client_id, client_id=client_id)
    return row


def page(db: Session, *, owner_id: int | None, after_id: int | None, limit: int) -> Sequence[Row[Any]]:
    """Return clients with `confidential`, oldest first: those of one owner, or all."""
    return _PAGE.all(db, owner_id=owner_id, after_id=after_id, limit=limit)


def count(db: Session, *, owner_id: int) -> int:
    return db.scalar(select(func.count()).where(Client.owner_id == owner_id)) or 0


def create(db: Session, **values: Any) -> Client:
    return rows.save(db, Client(**values))


def create_code(db: Session, *, lifetime_s: float, **values: Any) -> AuthorizationCode:
    return rows.save(db, AuthorizationCode(expires_at=_NOW + dt.timedelta(seconds=lifetime_s), **values))


def lock_code(db: Session, *, code_hash: bytes) -> tuple[AuthorizationCode, bool] | None:
    """Return the code, locked, and whether it has expired; None if there is no such code."""
    query = select(AuthorizationCode, AuthorizationCode.expires_at <= _NOW).where(AuthorizationCode.hash == code_hash)
    row = db.execute(query.with_for_update()).one_or_none()
    return (row[0], row[1]) if row else None


def use_code(db: Session, *, code: AuthorizationCode, session_id: int) -> None:
    """Mark the code as used, for this session."""
    code.used_at, code.session_id = _NOW, session_id
    db.flush()


def delete_old_codes(db: Session, *, client_id: int) -> None:
    """Delete the client's codes that are more than a day old. Until then, a second use of a code is detected."""
    old = AuthorizationCode.created_at < _NOW - dt.timedelta(days=1)
    db.execute(delete(AuthorizationCode).where(AuthorizationCode.client_id == client_id, old))


def signing_keys(db: Session, *, key_ids: Sequence[str]) -> dict[str, str]:
    """Return the encrypted keys (PEM) with these ids, keyed by id."""
    found = db.execute(select(SigningKey.key_id, SigningKey.pem).where(SigningKey.key_id.in_(key_ids)))
    return {row[0]: row[1] for row in found}


def add_signing_key(db: Session, *, key_id: str, pem: str) -> None:
    """Store the key, unless another process has already stored one with this id."""
    db.execute(insert(SigningKey).values(key_id=key_id, pem=pem).on_conflict_do_nothing())
