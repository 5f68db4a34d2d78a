"""The interface of file storages. Keys, such as `videos/12/a1b2c3/source.mp4`, are made by the server, never by
clients."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """Stores whole files under keys. A stored file is never overwritten."""

    def put(self, key: str, path: Path) -> None:
        """Move the local file `path` into the storage under `key`. The file becomes readable under `key` atomically."""

    def fetch(self, key: str, path: Path) -> None:
        """Copy the stored file to `path`; on the same file system, create a hard link instead. Raises: NotFound."""

    def read(self, key: str, *, limit: int) -> bytes:
        """Return the content of a small file. Raises: NotFound; TooLarge, if it has more than `limit` bytes."""

    def size(self, key: str) -> int:
        """Return the size in bytes. Raises: NotFound."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Return all keys that begin with `prefix`."""

    def remove(self, prefix: str) -> None:
        """Remove all files below the folder `prefix`, which ends with a slash. There may be none."""

    def link(self, key: str, *, expires_s: int, head: bool = False) -> str | None:
        """Return a signed URL at which clients can GET (or, with `head`, HEAD) the file in the storage for `expires_s`
        seconds; None, if the API must serve the file."""

    def path(self, key: str) -> Path | None:
        """Return the path of the file on the local disk; None, if it is stored elsewhere."""

    def check(self) -> None:
        """Check that the storage can be used. Raises: Unavailable."""


MAX_KEY, MAX_NAME = 1024, 255
"""Maximum length in bytes of a key (that of S3), and of its parts (that of file systems)."""


def assert_key(key: str) -> None:
    """Check that the key is a plain relative path without `..`, and short enough for file systems and S3.

    Raises: ValueError.
    """
    parts = key.split("/")
    if len(key.encode()) > MAX_KEY or any(len(part.encode()) > MAX_NAME for part in parts):
        raise ValueError("the storage key is too long")
    if not key or key.startswith("/") or "\\" in key or "\0" in key or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"not a storage key: {key!r}")
