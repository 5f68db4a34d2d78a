"""Files in a local folder. They are stored by renaming, so that no file is ever visible half-written."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from conf.errors import NotFound, TooLarge, Unavailable
from conf.storage.base import assert_key


class LocalStorage:
    """A `Storage` in a local folder."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def put(self, key: str, path: Path) -> None:
        target = self._target(key)
        while True:
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # a concurrent `remove` deleted the empty folder
                return self._move(path, target)
            if not path.exists():
                raise FileNotFoundError(path)

    def fetch(self, key: str, path: Path) -> None:
        source = self._existing(key)
        try:
            os.link(source, path)
        except OSError:
            shutil.copyfile(source, path)

    def read(self, key: str, *, limit: int) -> bytes:
        if self.size(key) > limit:
            raise TooLarge(f"{key} has more than {limit} bytes")
        return self._existing(key).read_bytes()

    def size(self, key: str) -> int:
        return self._existing(key).stat().st_size

    def keys(self, prefix: str) -> Iterator[str]:
        for folder, _, names in os.walk(self._root / prefix if prefix.endswith("/") else self._root):
            for name in names:
                key = (Path(folder) / name).relative_to(self._root).as_posix()
                if key.startswith(prefix):
                    yield key

    def remove(self, prefix: str) -> None:
        folder = self._target(prefix.removesuffix("/"))
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
        for parent in folder.parents:
            if parent == self._root:
                break
            with contextlib.suppress(OSError):
                parent.rmdir()

    def link(self, key: str, *, expires_s: int, head: bool = False) -> str | None:  # noqa: ARG002  # the signature of the Protocol
        return None

    def path(self, key: str) -> Path | None:
        return self._existing(key)

    def check(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        probe = self._root / f".check-{uuid.uuid4().hex}"
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise Unavailable(f"The storage folder is not writable: {error.strerror}.") from error

    def _target(self, key: str) -> Path:
        assert_key(key)
        return self._root / key

    def _existing(self, key: str) -> Path:
        path = self._target(key)
        if not path.is_file():
            raise NotFound("file", key)
        return path

    @staticmethod
    def _move(path: Path, target: Path) -> None:
        try:
            path.replace(target)
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                raise
            copy = target.with_name(f".{target.name}.{uuid.uuid4().hex}")  # on another file system: copy, then rename
            shutil.copyfile(path, copy)
            copy.replace(target)
            path.unlink()
