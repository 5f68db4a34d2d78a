"""Queries on `idempotency_keys`."""

import datetime as dt

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from conf.http.idempotency.models import IdempotencyKey

LIFETIME = dt.timedelta(hours=24)
BATCH = 100


def try_lock(db: Session, *, key_hash: bytes) -> bool:
    """Whether no other transaction works on this key; then none does until this one ends."""
    number = int.from_bytes(key_hash[:8], signed=True)
    return bool(db.scalar(select(func.pg_try_advisory_xact_lock(number))))


def find(db: Session, *, key_hash: bytes) -> IdempotencyKey | None:
    """What was answered in the last 24 hours."""
    fresh = IdempotencyKey.created_at > func.now() - LIFETIME
    return db.scalars(select(IdempotencyKey).where(IdempotencyKey.hash == key_hash, fresh)).one_or_none()


def keep(
    db: Session, *, key_hash: bytes, fingerprint: bytes, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Put it on record, in place of one that is too old; remove some others that are."""
    values = {"fingerprint": fingerprint, "status": status, "headers": headers, "body": body, "created_at": func.now()}
    query = insert(IdempotencyKey).values(hash=key_hash, **values)
    db.execute(query.on_conflict_do_update(index_elements=["hash"], set_=values))
    old = select(IdempotencyKey.id).where(IdempotencyKey.created_at < func.now() - LIFETIME).limit(BATCH)
    db.execute(delete(IdempotencyKey).where(IdempotencyKey.id.in_(old.with_for_update(skip_locked=True))))
