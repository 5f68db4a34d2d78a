"""Temporary folders for uploads and transcodes in progress. Folders whose process has died are removed by a sweep."""

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from conf.errors import StorageFull
from conf.settings import get_settings

LOCK = ".lock"
YOUNG_S = 10
"""Age in seconds below which `sweep_work` ignores a folder, as it may not be locked yet."""


@contextlib.contextmanager
def work_folder(purpose: str) -> Iterator[Path]:
    """Create an empty folder, and remove it at the end. It is locked meanwhile, so `sweep_work` ignores it."""
    root = get_settings().work_root.absolute()
    folder = root / f"{purpose}-{uuid.uuid4().hex[:12]}"
    folder.mkdir(parents=True, mode=0o700)
    lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def count_work(purpose: str) -> int:
    """Return the number of folders of this purpose whose process is alive."""
    return sum(_is_locked(folder) for folder in get_settings().work_root.absolute().glob(f"{purpose}-*"))


def _is_locked(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def sweep_work() -> int:
    """Remove the folders whose process has died. Returns their number."""
    removed = 0
    root = get_settings().work_root.absolute()
    for folder in root.iterdir() if root.is_dir() else ():
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < YOUNG_S:
                continue
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
            finally:
                os.close(lock)
    return removed


def need_disk(size: int) -> None:
    """Check that a file of `size` bytes leaves `disk_reserve_bytes` free. Raises: StorageFull."""
    settings = get_settings()
    settings.work_root.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(settings.work_root).free - size < settings.disk_reserve_bytes:
        raise disk_full()


def disk_full() -> StorageFull:
    return StorageFull("There is not enough disk space for this file now.", retry_after=300)
