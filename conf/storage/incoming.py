"""An uploaded file that is not stored yet."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conf.errors import Unsupported

HEAD_BYTES = 1024

Sniff = Callable[[bytes], str]
"""A function that takes the first `HEAD_BYTES` bytes of a file and returns its extension, such as "mp4". It raises
Unsupported for other types of files."""


@dataclass
class IncomingFile:
    """An uploaded file in a temporary folder, which is removed after the request. The client's file name is ignored."""

    path: Path
    size_bytes: int = 0
    extension: str = ""
    """The extension that the route's `Sniff` returned; empty if the route has none."""


def is_picture(head: bytes) -> bool:
    """Whether these first bytes of a file are those of a JPEG, PNG, WebP or GIF picture."""
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))


def sniff_picture(head: bytes) -> str:
    """Return the extension of a picture from the first bytes of the file. Raises: Unsupported."""
    if not is_picture(head):
        raise Unsupported("The file must be a JPEG, PNG, WebP or GIF picture.", field="file")
    return {b"\xff": "jpg", b"\x89": "png", b"R": "webp", b"G": "gif"}[head[:1]]
