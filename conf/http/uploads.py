"""A file is a kind of body: a route takes `file: Upload`.

It is the part `file` of a `multipart/form-data` body (RFC 7578), streamed to the disk, so memory does not grow with it.
Declare a limit and the kinds that are accepted with `upload(…)`:

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
FIELD = "file"
_FRAME = 16 * 1024
"""Room for boundaries and headers of the parts, beyond the file itself."""

FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
"""What the API reference says of a route that takes a file."""


@dataclass(frozen=True)
class FilePart:
    """The dependency behind `Upload`. The file is received after all other dependencies have run, and before the
    route."""

    max_bytes: int | None
    """`UPLOAD_MAX_BYTES` where it is None."""
    sniff: Sniff | None

    def __call__(self, request: Request) -> IncomingFile:
        file: IncomingFile = request.scope["file"]
        return file


def upload(*, max_bytes: int | None = None, sniff: Sniff | None = None) -> Any:
    """For `Annotated[IncomingFile, upload(…)]`."""
    return Depends(FilePart(max_bytes, sniff))


Upload = Annotated[IncomingFile, upload()]


async def receive_file(request: Request, file: IncomingFile, part: FilePart) -> None:
    """Write the part `file` of the body to `file.path`.

    Raises: Unsupported for another kind of body or file; TooLarge, before the body is read where `Content-Length`
    already says so; Invalid for no such part, an empty file, or a body that ends too early; Unavailable when there is
    too little disk space.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Unsupported("The body must be multipart/form-data with the file as its part.", field=FIELD)
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
            raise Invalid(f"The multipart body is broken: {error}.", field=FIELD) from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise Unavailable("There is not enough disk space for this file now.", retry_after=300) from error
            raise
    if not received.found:
        raise Invalid("The body has no such part with a file.", field=FIELD)
    if not received.size:
        raise Invalid("The file is empty.", field=FIELD)
    file.size_bytes, file.extension = received.size, received.extension


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The file must have at most {limit} bytes.", field=FIELD)


class _Part:
    """Picks the bytes of one part out of the body."""

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
            raise MultipartParseError("it ends before its last boundary")

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
            self._blocks.append(data[start:end])  # of a whole chunk, as most are, this is no copy
            self.waiting += end - start
            self.size += end - start
            if self._sniff is not None:
                self._head += data[start : min(end, start + HEAD_BYTES)]

    def sniff(self, *, whole: bool = False) -> None:
        """Look at the file as soon as enough of it is there, or all of it. Raises: Unsupported."""
        if self._sniff is not None and self.size and (whole or len(self._head) >= HEAD_BYTES):
            self.extension = self._sniff(bytes(self._head[:HEAD_BYTES]))
            self._sniff = None

    def _leave(self) -> None:
        self._inside = False

    def _end(self) -> None:
        self._complete = True
