"""The programs that read an uploaded file, always inside the sandbox: ffmpeg, and our prober around PyAV."""

import contextlib
import functools
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import structlog

from cms.videos import probe_file
from cms.videos.limits import DECODERS, DEMUXERS, MAX_DURATION_S, MAX_PIXELS
from conf import sandbox
from conf.errors import Invalid, Unavailable
from conf.settings import get_settings
from conf.work import need_disk

log = structlog.get_logger(__name__)

PROBE_LIMIT_S = 25
MAX_ASPECT = 20
"""The longer side may be so many times the shorter."""
OLDEST = (5, 1)
LIBRARIES = ("libx264", "libzimg")
"""Which ffmpeg must be built with: to write H.264, and to convert HDR."""


@dataclass(frozen=True)
class Picture:
    """A video stream as it is shown: turned upright, with square pixels."""

    index: int
    width: int
    height: int
    rate: Fraction
    """Frames a second on average; 0 when it cannot be told."""
    interlaced: bool
    hdr: str | None
    """ffmpeg's name of the transfer function of an HDR picture; None for SDR."""


@dataclass(frozen=True)
class Source:
    """What an uploaded file holds."""

    path: Path
    demuxer: str
    duration_s: float
    picture: Picture | None
    sound_index: int | None


def probe(path: Path, *, demuxer: str, work: Path) -> Source:
    """What the file holds. Invalid, with the reason for a person, when it is nothing we can play."""
    arguments = [str(path), demuxer, DEMUXERS, DECODERS, str(MAX_PIXELS)]
    ended = sandbox.run_python(probe_file.__file__, arguments, readable=[path], work=work, limit_s=PROBE_LIMIT_S)
    try:
        found = json.loads(ended.output)
    except ValueError:
        log.warning("the prober failed", status=ended.status, errors=ended.errors)
        raise Invalid("The file cannot be read: it is damaged.") from None
    if "no_decoder" in found:
        kind, codec = found["no_decoder"]
        raise Invalid(f"The {kind}'s codec {codec} cannot be read.")
    if "error" in found:
        raise Invalid(f"The file cannot be read: {found['error']}.")
    return _checked(found, path=path, demuxer=demuxer)


def _checked(found: dict[str, Any], *, path: Path, demuxer: str) -> Source:
    video = found["video"]
    if video is None and found["audio_index"] is None:
        raise Invalid("The file has neither picture nor sound.")
    if video and video["too_large"]:
        raise Invalid(f"The picture is too large: {video['width']}×{video['height']} pixels.")
    claimed = max(found["duration_s"], found["claimed_s"])
    if claimed > MAX_DURATION_S:
        raise Invalid(f"The file says it is {claimed / 3600:.1f} hours long; {MAX_DURATION_S // 3600} are allowed.")
    picture = None
    if video:
        width, height = video["width"], video["height"]
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise Invalid(f"The picture has a strange shape: {width}×{height} pixels.")
        if video["rotation"] % 180 == 90:
            width, height = height, width
        rate = Fraction(*video["rate"])
        picture = Picture(video["index"], width, height, rate, video["interlaced"], video["hdr"])
    return Source(path, demuxer, found["duration_s"], picture, found["audio_index"])


def run(
    options: Sequence[str],
    *,
    source: Source,
    seek_s: float = 0,
    work: Path,
    limit_s: float,
    tick: Callable[[float], None],
) -> None:
    """Run ffmpeg on the source with these output options, in `work`.

    `tick` is called twice a second with the seconds of video done so far, and may raise to stop it. Invalid when ffmpeg
    fails or takes longer than `limit_s`.
    """
    program = executable()
    threads = get_settings().ffmpeg_threads
    command = [
        *(str(program), "-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y"),
        *("-progress", "pipe:1", "-stats_period", "0.5", "-max_error_rate", "1"),
        *(("-threads", str(threads)) if threads else ()),
        *("-protocol_whitelist", "file", "-format_whitelist", DEMUXERS, "-codec_whitelist", DECODERS),
        *("-max_pixels", str(MAX_PIXELS), "-f", source.demuxer, "-t", str(MAX_DURATION_S)),
        *(("-ss", f"{seek_s:.3f}") if seek_s else ()),
        *("-i", f"file:{source.path}"),
        *options,
    ]
    done = [0.0]

    def look() -> None:
        tick(done[0])
        need_disk(0)

    ended = sandbox.run(
        command,
        readable=[source.path, program],
        work=work,
        limit_s=limit_s,
        tick=look,
        took=functools.partial(_note_progress, done),
    )
    if ended.status:
        log.warning("ffmpeg failed", status=ended.status, errors=ended.errors)
        need_disk(0)
        if ended.killed:
            raise Unavailable("The work was stopped from outside.")
        raise Invalid("The file cannot be decoded: it is damaged or of a kind that is not supported.")


def _note_progress(done: list[float], line: bytes) -> bool:
    """Whether the line is about progress. `out_time_us` may be missing, or step back a little."""
    if not line.startswith(b"out_time_us="):
        return False
    with contextlib.suppress(ValueError):
        done[0] = max(done[0], int(line[12:]) / 1_000_000)
    return True


@functools.cache
def executable() -> Path:
    """The ffmpeg of the settings, of the system, or of the imageio-ffmpeg wheel: the first that will do."""
    wanted = get_settings().ffmpeg or shutil.which("ffmpeg")
    if wanted and (get_settings().ffmpeg or _will_do(wanted)):
        return Path(wanted).resolve()
    import imageio_ffmpeg  # noqa: PLC0415  # only where the system has none

    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe()).resolve()
    except RuntimeError as error:
        raise Unavailable("There is no ffmpeg on this machine.", retry_after=300) from error


def _will_do(program: str) -> bool:
    """Whether it is recent enough, can write H.264 and can convert HDR."""
    with contextlib.suppress(OSError):
        told = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout
        number = re.match(r"ffmpeg version n?(\d+)\.(\d+)", told)
        recent = number is None or (int(number[1]), int(number[2])) >= OLDEST
        if recent and all(f"--enable-{library}" in told for library in LIBRARIES):
            return True
    log.warning("the system's ffmpeg is too old or lacks a library; the wheel's is used", program=program)
    return False
