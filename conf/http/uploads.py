"""File uploads: a route takes the parameter `file: Upload`.

The file is the part `file` of a `multipart/form-data` body (RFC 7578). It is streamed to disk, so memory use does not
depend on its size. Declare a size limit and the accepted file types with `upload(…)`:

    Picture = Annotated[IncomingFile, upload(max_bytes=10 * MIB, sniff=sniff_picture)]
"""

import asyncio
import contextlib
import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import Depends, Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from sqlalchemy.orm import Session

from conf.db.dependencies import with_db_session
from conf.errors import Invalid, RateLimited, TooLarge, Unsupported
from conf.settings import get_settings
from conf.storage import usage
from conf.storage.incoming import HEAD_BYTES, IncomingFile, Sniff
from conf.work import count_work, disk_full, need_disk, work_folder

BLOCK = 1024 * 1024
"""Bytes that are collected in memory before they are written to disk."""
FIELD = "file"
FRAME_BYTES = 16 * 1024
"""Bytes that the body may have in addition to the file: boundaries, headers of the parts, and other parts."""
MAX_UPLOADS = 3
"""Files that an account may upload at the same time to one machine."""
MAX_BOUNDARY = 70
"""Maximum length of the boundary in bytes (RFC 2046, 5.1.1)."""

FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary", "description": "The file."}},
                }
            }
        },
    }
}
"""OpenAPI description of the body of a route that takes a file."""


@dataclass(frozen=True)
class FilePart:
    """The dependency of `Upload`. The file is received after all other dependencies have run, before the route runs."""

    max_bytes: int | None
    """Maximum size of the file. None means `UPLOAD_MAX_BYTES`."""
    sniff: Sniff | None
    """Detects the file type. None accepts every type."""

    @property
    def limit(self) -> int:
        """Maximum size of the file in bytes."""
        return self.max_bytes or get_settings().upload_max_bytes

    def __call__(self, request: Request) -> IncomingFile:
        file: IncomingFile = request.scope["file"]
        return file


def upload(*, max_bytes: int | None = None, sniff: Sniff | None = None) -> Any:
    """Return the dependency for `Annotated[IncomingFile, upload(…)]`.

    `max_bytes`: the maximum size of the file; by default `UPLOAD_MAX_BYTES`. `sniff`: detects the file type from the
    first bytes and refuses others; by default all types are accepted.
    """
    return Depends(FilePart(max_bytes, sniff))


Upload = Annotated[IncomingFile, upload()]


@contextlib.contextmanager
def upload_folder(account: int | None) -> Iterator[Path]:
    """Create a work folder for a file that `account` uploads. Raises: RateLimited, if it uploads too many at once."""
    purpose = f"upload-{account or 0}"
    with work_folder(purpose) as folder:
        if account is not None and count_work(purpose) > MAX_UPLOADS:
            raise RateLimited(f"You may upload {MAX_UPLOADS} files at the same time.", retry_after=5)
        yield folder


@with_db_session
def assert_space(*, account: int | None, size: int, db: Session) -> None:
    """Check the disk and the account's quota before a file of `size` bytes is received. Raises: StorageFull."""
    need_disk(size)
    if account is not None:
        usage.assert_quota(db, owner_id=account, adding=size)


def announced_size(request: Request) -> int:
    """Return the `Content-Length` of the request; 0 if it has none."""
    length = request.headers.get("content-length", "")[:20]
    return int(length) if length.isdigit() else 0


async def receive_file(request: Request, file: IncomingFile, part: FilePart) -> None:
    """Write the part `file` of the body to `file.path`.

    Raises: Unsupported, if the body is not `multipart/form-data` or the file type is not accepted; TooLarge; TimedOut;
    Invalid, if the part is missing, the file is empty or the body is malformed; StorageFull, if there is not enough
    disk space, also while the file arrives.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise Unsupported("The body must be multipart/form-data with a part named `file`.", field=FIELD)
    if len(boundary) > MAX_BOUNDARY:
        raise Invalid(f"The boundary in Content-Type must be at most {MAX_BOUNDARY} bytes.", field=FIELD)
    with file.path.open("wb") as target:
        received = _Part(FIELD, boundary, part.sniff)
        try:
            async for chunk in request.stream():
                received.feed(chunk)
                if received.size > part.limit:
                    raise TooLarge(f"The file must be at most {part.limit} bytes.", field=FIELD)
                if received.total - received.size > FRAME_BYTES:
                    raise TooLarge(f"The body may have {FRAME_BYTES} bytes in addition to the file.", field=FIELD)
                received.sniff()
                if received.waiting >= BLOCK:
                    await asyncio.to_thread(received.flush, target)
            received.finish()
            received.sniff(whole=True)
            await asyncio.to_thread(received.flush, target)
        except MultipartParseError as error:
            raise Invalid(f"The multipart body is malformed: {error}.", field=FIELD) from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise disk_full() from error
            raise
    if not received.found:
        raise Invalid("The body has no part named `file` with a filename.", field=FIELD)
    if not received.size:
        raise Invalid("The file is empty.", field=FIELD)
    file.size_bytes, file.extension = received.size, received.extension


class _Part:
    """Parses the body and collects the bytes of one part."""

    def __init__(self, field: str, boundary: bytes, sniff: Sniff | None) -> None:
        self.waiting = 0
        self.total = 0
        """Bytes of the body."""
        self.size = 0
        """Bytes of the file."""
        self.extension = ""
        self._head = bytearray()
        self._sniff = sniff
        self._blocks: list[bytes] = []
        self.found = False
        self._field = field.encode()
        self._inside = False
        self._complete = False
        self._header: tuple[bytearray, bytearray] = bytearray(), bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._leave,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._read_header,
                "on_part_data": self._read_data,
                "on_part_end": self._leave,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        self.total += len(chunk)
        self._parser.write(chunk)

    def finish(self) -> None:
        self._parser.finalize()
        if not self._complete:
            raise MultipartParseError("it ends before the final boundary")

    def flush(self, target: BinaryIO) -> None:
        """Write what has arrived. Raises: StorageFull, if it leaves too little disk space."""
        need_disk(self.waiting)
        target.writelines(self._blocks)
        self._blocks.clear()
        self.waiting = 0

    def _read_header(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            _, options = parse_options_header(bytes(value))
            if options.get(b"name") == self._field and b"filename" in options and not self.found:
                self._inside = self.found = True
        self._header = bytearray(), bytearray()

    def _read_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._blocks.append(data[start:end])  # usually the whole chunk: then it is not copied
            self.waiting += end - start
            self.size += end - start
            if self._sniff is not None:
                self._head += data[start : min(end, start + HEAD_BYTES)]

    def sniff(self, *, whole: bool = False) -> None:
        """Detect the file type once `HEAD_BYTES` have arrived, or if the file is complete. Raises: Unsupported."""
        if self._sniff is not None and self.size and (whole or len(self._head) >= HEAD_BYTES):
            self.extension = self._sniff(bytes(self._head[:HEAD_BYTES]))
            self._sniff = None

    def _leave(self) -> None:
        self._inside = False

    def _end(self) -> None:
        self._complete = True
