"""File uploads: a route takes the parameter `file: Upload`.

The file is the part `file` of a `multipart/form-data` body (RFC 7578). It is streamed to disk, so memory use does not
depend on its size. Declare a size limit and the accepted file types with `upload(…)`:

    Picture = Annotated[IncomingFile, upload(max_bytes=10 * MIB, sniff=sniff_picture)]
"""

import asyncio
import errno
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO

from fastapi import Depends, Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from conf.errors import Invalid, TooLarge, Unavailable, Unsupported
from conf.settings import get_settings
from conf.storage.incoming import HEAD_BYTES, IncomingFile, Sniff
from conf.work import need_disk

BLOCK = 1024 * 1024
"""Bytes that are collected in memory before they are written to disk."""
FIELD = "file"
_FRAME = 16 * 1024
"""Bytes that the body may have in addition to the file: boundaries and headers of the parts."""

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


async def receive_file(request: Request, file: IncomingFile, part: FilePart) -> None:
    """Write the part `file` of the body to `file.path`.

    Raises: Unsupported, if the body is not `multipart/form-data` or the file type is not accepted; TooLarge, before the
    body is read if `Content-Length` is over the limit; Invalid, if the part is missing, the file is empty or the body
    is malformed; Unavailable, if there is not enough disk space.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Unsupported("The body must be multipart/form-data with a part named `file`.", field=FIELD)
    limit = part.max_bytes or get_settings().upload_max_bytes
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit + _FRAME:
        raise _too_large(limit)
    need_disk(int(length) if length.isdigit() else 0)
    with file.path.open("wb") as target:
        received = _Part(FIELD, options[b"boundary"], part.sniff)
        try:
            async for chunk in request.stream():
                received.feed(chunk)
                if received.size > limit:
                    raise _too_large(limit)
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
                raise Unavailable("There is not enough disk space for this file now.", retry_after=300) from error
            raise
    if not received.found:
        raise Invalid("The body has no part named `file` with a filename.", field=FIELD)
    if not received.size:
        raise Invalid("The file is empty.", field=FIELD)
    file.size_bytes, file.extension = received.size, received.extension


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The file must be at most {limit} bytes.", field=FIELD)


class _Part:
    """Parses the body and collects the bytes of one part."""

    def __init__(self, field: str, boundary: bytes, sniff: Sniff | None) -> None:
        self.waiting = 0
        self.size = 0
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
        self._parser.write(chunk)

    def finish(self) -> None:
        self._parser.finalize()
        if not self._complete:
            raise MultipartParseError("it ends before the final boundary")

    def flush(self, target: BinaryIO) -> None:
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
