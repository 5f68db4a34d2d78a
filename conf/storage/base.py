"""What a storage can do. Keys are made by the server: `videos/12/a1b2c3/source.mp4`, never by a client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """Keeps whole files under keys. A key once put is not written again."""

    def put(self, key: str, path: Path) -> None:
        """Keep the file at `path`, which may be moved away. Readable under `key` at once or not at all."""

    def fetch(self, key: str, path: Path) -> None:
        """Lay the file at `path` (on the local disk without a copy, where that is possible). NotFound."""

    def read(self, key: str, *, limit: int) -> bytes:
        """A small file's content. NotFound; TooLarge past `limit` bytes."""

    def size(self, key: str) -> int:
        """Bytes. NotFound."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that begins so."""

    def remove(self, prefix: str) -> None:
        """Remove every key below the folder `prefix`, which ends with a slash. Not an error when there is none."""

    def link(self, key: str, *, expires_s: int, head: bool = False) -> str | None:
        """Where a client reads the file (or, with `head`, asks about it) straight from the storage; None when the API
        must serve it."""

    def path(self, key: str) -> Path | None:
        """The file on this machine's disk; None when it is elsewhere."""

    def check(self) -> None:
        """Raise when the storage cannot be written or reached."""


def assert_key(key: str) -> None:
    """A guard against mistakes of ours: keys are relative, plain, without steps upwards."""
    parts = key.split("/")
    if not key or key.startswith("/") or "\\" in key or "\0" in key or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"not a storage key: {key!r}")
