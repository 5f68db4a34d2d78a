"""The quota: how many bytes of stored files an account may have."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from conf.errors import StorageFull
from conf.settings import get_settings
from conf.storage.models import StoredFolder

QUOTA_LOCK = 0x71756F74  # key of PostgreSQL advisory locks: "quot" in ASCII
GIB = 1024**3


def used_bytes(db: Session, *, owner_id: int) -> int:
    """Return the size of all stored files of the account."""
    query = select(func.coalesce(func.sum(StoredFolder.size_bytes), 0)).where(StoredFolder.owner_id == owner_id)
    return int(db.scalar(query) or 0)


def assert_quota(db: Session, *, owner_id: int, adding: int) -> None:
    """Check that `adding` more bytes do not exceed the account's quota. Raises: StorageFull."""
    quota = get_settings().quota_bytes
    if quota and (used := used_bytes(db, owner_id=owner_id)) + adding > quota:
        raise StorageFull(
            f"Your files use {used / GIB:.1f} GiB of {quota / GIB:.1f} GiB. Delete files first, or ask an admin.",
            retry_after=3600,
            field="file",
        )


def lock(db: Session, *, owner_id: int) -> None:
    """Have transactions that add files of this account wait for one another. Take this lock after all others."""
    db.execute(select(func.pg_advisory_xact_lock(QUOTA_LOCK, func.hashint8(owner_id))))


def add(db: Session, *, prefix: str, owner_id: int, size_bytes: int) -> None:
    """Count a new folder."""
    db.add(StoredFolder(prefix=prefix, owner_id=owner_id, size_bytes=size_bytes))


def forget(db: Session, *, prefix: str) -> None:
    """No longer count the folders below `prefix`, because they are about to be removed."""
    db.execute(delete(StoredFolder).where(StoredFolder.prefix.startswith(prefix, autoescape=True)))
