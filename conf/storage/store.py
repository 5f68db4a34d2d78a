"""The storage of this process, and a way to store new files so that a crash leaves no orphaned ones."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.orm import Session

from conf._celery import crud
from conf._celery.enqueue import enqueue
from conf._celery.publisher import publish_after_commit
from conf.db.dependencies import with_db_session
from conf.errors import Unavailable
from conf.settings import get_settings
from conf.storage import usage
from conf.storage.base import Storage
from conf.storage.local import LocalStorage

REMOVE = "conf.storage.remove"


@functools.cache
def storage() -> Storage:
    """Return the storage that the settings select: S3 if `s3_bucket` is set, or else the local folder."""
    settings = get_settings()
    if settings.s3_bucket:
        from conf.storage.s3 import S3Storage  # noqa: PLC0415  # boto3 takes 0.3 s to import

        return S3Storage(settings)
    return LocalStorage(settings.storage_dir)


class NewFiles:
    """Files below one prefix that no transaction has claimed yet."""

    def __init__(self, prefix: str, removal_id: int) -> None:
        self._prefix = prefix
        self._size_bytes = 0
        self.removal_id = removal_id
        self.kept = False

    def put(self, name: str, path: Path) -> str:
        """Store the file and return its key."""
        key = self._prefix + name
        self._size_bytes += path.stat().st_size
        storage().put(key, path)
        return key

    def claim(self, db: Session, *, owner_id: int | None, check_quota: bool = True) -> None:
        """Claim the files in the transaction of `db`: they are kept if it commits, and removed otherwise.

        `owner_id`: the account whose quota they count against, if any. Without `check_quota`, they may exceed it.

        Raises: Unavailable, if storing took longer than `pending_file_s` and their removal has begun; StorageFull, if
        they exceed the quota.
        """
        if owner_id is not None:
            if check_quota:
                usage.lock(db, owner_id=owner_id)
                usage.assert_quota(db, owner_id=owner_id, adding=self._size_bytes)
            usage.add(db, prefix=self._prefix, owner_id=owner_id, size_bytes=self._size_bytes)
        if not crud.drop(db, job_id=self.removal_id):
            raise Unavailable("Storing the file took too long. Try again.")
        self.kept = True


@contextlib.contextmanager
def new_files(prefix: str) -> Iterator[NewFiles]:
    """Store files below `prefix`, which is a folder for them alone and ends with a slash.

    Before the first byte is stored, a job is enqueued that removes the files after `pending_file_s` seconds. `claim`
    deletes this job in the transaction that claims the files. So a crash at any time leaves no orphaned files.
    """
    files = NewFiles(prefix, _plan_removal(prefix=prefix, delay_s=get_settings().pending_file_s))
    try:
        yield files
    finally:
        if not files.kept:
            with contextlib.suppress(Exception):  # the delayed job will remove the files
                _hasten_removal(job_id=files.removal_id)


def remove_later(db: Session, *, prefix: str) -> None:
    """Remove the files below `prefix` once the transaction has been committed."""
    usage.forget(db, prefix=prefix)
    enqueue(db, REMOVE, prefix=prefix)


@with_db_session
def _plan_removal(*, prefix: str, delay_s: float, db: Session) -> int:
    return enqueue(db, REMOVE, delay_s=delay_s, prefix=prefix).id


@with_db_session
def _hasten_removal(*, job_id: int, db: Session) -> None:
    job = crud.lock(db, job_id=job_id)
    crud.requeue(db, job=job, delay_s=0, error=None)
    publish_after_commit(db, job)
