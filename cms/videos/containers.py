"""Which files are accepted, told by their first bytes and never by their name. ffmpeg is then made to read the file as
just that kind, so no playlist or script passes for a video."""

from dataclasses import dataclass
from pathlib import Path

from conf.errors import Unsupported
from conf.storage.incoming import HEAD_BYTES


@dataclass(frozen=True)
class Container:
    demuxer: str
    """ffmpeg's name for the one parser that may see the file."""
    extension: str


_MOV = Container("mov", "mp4")
_STARTS = (
    (b"\x1aE\xdf\xa3", Container("matroska", "mkv")),
    (b"FLV\x01", Container("flv", "flv")),
    (b"OggS", Container("ogg", "ogg")),
    (b"0&\xb2u\x8ef\xcf\x11", Container("asf", "wmv")),
    (b"\x00\x00\x01\xba", Container("mpeg", "mpg")),
    (b"fLaC", Container("flac", "flac")),
    (b"ID3", Container("mp3", "mp3")),
)
_RIFFS = {b"AVI ": Container("avi", "avi"), b"WAVE": Container("wav", "wav")}
_MOV_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_TS_PACKET = 188


def container_of(path: Path) -> Container:
    """Return the container of a file. Raises: Unsupported."""
    with path.open("rb") as file:
        return _sniff(file.read(HEAD_BYTES))


def sniff(head: bytes) -> str:
    """Return the extension of a file by its first bytes. Raises: Unsupported when it is none that is accepted."""
    return _sniff(head).extension


def _sniff(head: bytes) -> Container:
    if head[4:8] in _MOV_BOXES:
        return Container("mov", "mov") if head[8:12] == b"qt  " else _MOV
    for start, container in _STARTS:
        if head.startswith(start):
            return Container("matroska", "webm") if b"webm" in head[:64] else container
    if head[:4] == b"RIFF" and head[8:12] in _RIFFS:
        return _RIFFS[head[8:12]]
    if len(head) > 2 * _TS_PACKET and head[0] == head[_TS_PACKET] == head[2 * _TS_PACKET] == 0x47:
        return Container("mpegts", "ts")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:
        return Container("mp3", "mp3")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return Container("aac", "aac")
    raise Unsupported(
        "This is not a video or sound file that is accepted: MP4, MOV, MKV, WebM, AVI, FLV, Ogg, WMV, MPEG, MP3, WAV,"
        " FLAC or AAC.",
        field="file",
    )
