"""Receive one file of a `multipart/form-data` body (RFC 7578), streamed to the disk: memory does not grow with it."""

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from conf.errors import Invalid, TooLarge, Unavailable, Unsupported
from conf.http.threads import threads
from conf.settings import get_settings
from conf.storage.work import need_disk, work_folder

T = TypeVar("T")

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
"""For `openapi_extra` of a route that receives a file."""


async def take_file(request: Request, use: Callable[..., T], *, max_bytes: int | None = None, **arguments: Any) -> T:
    """Receive the part `file` into a folder that is gone afterwards, and call `use(path=…, **arguments)` in one of our
    threads. The client's name for it is not used.

    Unsupported: another kind of body. TooLarge: more than `max_bytes` (else `upload_max_bytes`), before the body is
    read where its length says so. Invalid: no such part, an empty file, or a body that ends too early. Unavailable: too
    little disk. And the errors of `use`.
    """
    with work_folder("upload") as folder:
        path = await _receive(request, folder, max_bytes=max_bytes)
        return await threads().run(use, path=path, **arguments)


async def _receive(request: Request, folder: Path, *, max_bytes: int | None) -> Path:
    """Write the part to a new file in `folder`."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Unsupported("The body must be multipart/form-data with the file as its part.", field=FIELD)
    limit = max_bytes or get_settings().upload_max_bytes
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit + _FRAME:
        raise _too_large(limit)
    need_disk(int(length) if length.isdigit() else 0)
    path = folder / "upload"
    with path.open("wb") as target:
        part = _Part(FIELD, options[b"boundary"])
        try:
            async for chunk in request.stream():
                part.feed(chunk)
                if part.size > limit:
                    raise _too_large(limit)
                if part.waiting >= BLOCK:
                    await asyncio.to_thread(part.flush, target)
            part.finish()
            await asyncio.to_thread(part.flush, target)
        except MultipartParseError as error:
            raise Invalid(f"The multipart body is broken: {error}.", field=FIELD) from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise Unavailable("There is not enough disk space for this file now.", retry_after=300) from error
            raise
    if not part.found:
        raise Invalid("The body has no such part with a file.", field=FIELD)
    if not part.size:
        raise Invalid("The file is empty.", field=FIELD)
    return path


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The file must have at most {limit} bytes.", field=FIELD)


class _Part:
    """Picks the bytes of one part out of the body."""

    def __init__(self, field: str, boundary: bytes) -> None:
        self.waiting = 0
        self.size = 0
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

    def _leave(self) -> None:
        self._inside = False

    def _end(self) -> None:
        self._complete = True
