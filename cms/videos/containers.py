"""Container formats that are accepted. A file's format is detected from its first bytes, never from its name.

ffmpeg then runs with the demuxer of that format only, so a playlist or script cannot be uploaded as a video.
"""

from dataclasses import dataclass
from pathlib import Path

from conf.errors import Unsupported
from conf.storage.incoming import HEAD_BYTES


@dataclass(frozen=True)
class Container:
    demuxer: str
    """ffmpeg's name of the only demuxer that may read the file."""
    extension: str


_MOV = Container("mov", "mp4")
_SIGNATURES = (
    (b"\x1aE\xdf\xa3", Container("matroska", "mkv")),
    (b"FLV\x01", Container("flv", "flv")),
    (b"OggS", Container("ogg", "ogg")),
    (b"0&\xb2u\x8ef\xcf\x11", Container("asf", "wmv")),
    (b"\x00\x00\x01\xba", Container("mpeg", "mpg")),
    (b"fLaC", Container("flac", "flac")),
    (b"ID3", Container("mp3", "mp3")),
)
_RIFF_FORMS = {b"AVI ": Container("avi", "avi"), b"WAVE": Container("wav", "wav")}
_MOV_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_TS_PACKET = 188


def container_of(path: Path) -> Container:
    """Detect the container format of a file. Raises: Unsupported."""
    with path.open("rb") as file:
        return _sniff(file.read(HEAD_BYTES))


def sniff(head: bytes) -> str:
    """Return the file extension for the first bytes of a file. Raises: Unsupported."""
    return _sniff(head).extension


def _sniff(head: bytes) -> Container:
    if head[4:8] in _MOV_BOXES:
        return Container("mov", "mov") if head[8:12] == b"qt  " else _MOV
    for signature, container in _SIGNATURES:
        if head.startswith(signature):
            return Container("matroska", "webm") if b"webm" in head[:64] else container
    if head[:4] == b"RIFF" and head[8:12] in _RIFF_FORMS:
        return _RIFF_FORMS[head[8:12]]
    if len(head) > 2 * _TS_PACKET and head[0] == head[_TS_PACKET] == head[2 * _TS_PACKET] == 0x47:
        return Container("mpegts", "ts")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:
        return Container("mp3", "mp3")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return Container("aac", "aac")
    raise Unsupported(
        "The file is not a supported video or audio file. Supported formats: MP4, MOV, MKV, WebM, AVI, FLV, Ogg, WMV,"
        " MPEG, MPEG-TS, MP3, WAV, FLAC and AAC.",
        field="file",
    )
