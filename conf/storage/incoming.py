"""A file that has arrived and is not stored yet."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conf.errors import Unsupported

HEAD_BYTES = 1024

Sniff = Callable[[bytes], str]
"""From the first `HEAD_BYTES` of a file to its extension, such as "mp4". Raises: Unsupported."""


@dataclass
class IncomingFile:
    """On this machine's disk, in a folder that is removed after the request. The client's name for it is not used."""

    path: Path
    size_bytes: int = 0
    extension: str = ""
    """What `Sniff` found; empty where nothing was asked."""


def is_picture(head: bytes) -> bool:
    """Whether the file begins like a JPEG, PNG, WebP or GIF picture."""
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))


def sniff_picture(head: bytes) -> str:
    """Raises: Unsupported."""
    if not is_picture(head):
        raise Unsupported("The file must be a JPEG, PNG, WebP or GIF picture.", field="file")
    return {b"\xff": "jpg", b"\x89": "png", b"R": "webp", b"G": "gif"}[head[:1]]
