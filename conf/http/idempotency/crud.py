"""Queries on `idempotency_keys`."""

import datetime as dt

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from conf.http.idempotency.models import IdempotencyKey

LIFETIME = dt.timedelta(hours=24)
BATCH = 100
"""Maximum number of expired rows that are deleted at once."""


def try_lock(db: Session, *, key_hash: bytes) -> bool:
    """Try to take an advisory lock on the key until the end of the transaction. Return whether it succeeded."""
    number = int.from_bytes(key_hash[:8], signed=True)
    return bool(db.scalar(select(func.pg_try_advisory_xact_lock(number))))


def find(db: Session, *, key_hash: bytes) -> IdempotencyKey | None:
    """Return the response stored under the key in the last 24 hours, if any."""
    fresh = IdempotencyKey.created_at > func.now() - LIFETIME
    return db.scalars(select(IdempotencyKey).where(IdempotencyKey.hash == key_hash, fresh)).one_or_none()


def keep(
    db: Session, *, key_hash: bytes, fingerprint: bytes, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Store a response. It replaces an expired one with the same key. Also delete up to `BATCH` expired rows."""
    values = {"fingerprint": fingerprint, "status": status, "headers": headers, "body": body, "created_at": func.now()}
    query = insert(IdempotencyKey).values(hash=key_hash, **values)
    db.execute(query.on_conflict_do_update(index_elements=["hash"], set_=values))
    expired = select(IdempotencyKey.id).where(IdempotencyKey.created_at < func.now() - LIFETIME).limit(BATCH)
    db.execute(delete(IdempotencyKey).where(IdempotencyKey.id.in_(expired.with_for_update(skip_locked=True))))
