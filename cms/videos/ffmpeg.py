"""Run the programs that read an uploaded file, always in the sandbox: ffmpeg, and `probe_file.py`, based on PyAV."""

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
"""Time limit of the probe in seconds."""
MAX_ASPECT = 20
"""Maximum ratio of the longer side of the frame to the shorter one."""
MIN_VERSION = (5, 1)
"""Oldest version of ffmpeg that is used."""
REQUIRED_LIBRARIES = ("libx264", "libzimg")
"""Libraries that ffmpeg must be built with: libx264 encodes H.264, libzimg (the filter `zscale`) converts HDR."""


@dataclass(frozen=True)
class Picture:
    """A video stream. The size is the display size: after rotation, with square pixels."""

    index: int
    """Index of the stream in the file."""
    width: int
    height: int
    rate: Fraction
    """Average frame rate in frames per second; 0 if it is unknown."""
    interlaced: bool
    hdr: str | None
    """ffmpeg's name of the HDR transfer function: `smpte2084` (PQ) or `arib-std-b67` (HLG). None for SDR."""


@dataclass(frozen=True)
class Source:
    """An uploaded file, with its duration and the streams to transcode."""

    path: Path
    demuxer: str
    duration_s: float
    picture: Picture | None
    audio_index: int | None


def probe(path: Path, *, demuxer: str, work: Path, limit_s: float = PROBE_LIMIT_S) -> Source:
    """Return the duration and the streams of the file. `limit_s`: the time limit.

    Raises: Invalid, if the file cannot be processed, with a reason for the user.
    """
    arguments = [str(path), demuxer, DEMUXERS, DECODERS, str(MAX_PIXELS)]
    ended = sandbox.run_python(probe_file.__file__, arguments, readable=[path], work=work, limit_s=limit_s)
    try:
        found = json.loads(ended.output)
    except ValueError:
        log.warning("the probe of a video failed", status=ended.status, errors=ended.errors)
        raise Invalid("The file cannot be read because it is damaged. Export it again.") from None
    if "no_decoder" in found:
        kind, codec = found["no_decoder"]
        raise Invalid(f"The {kind} codec {codec} cannot be decoded. Convert the file to H.264 and AAC.")
    if "error" in found:
        raise Invalid(f"The file cannot be read: {found['error']}.")
    return _checked(found, path=path, demuxer=demuxer)


def _checked(found: dict[str, Any], *, path: Path, demuxer: str) -> Source:
    video = found["video"]
    if video is None and found["audio_index"] is None:
        raise Invalid("The file has no video or audio stream.")
    if video and video["too_large"]:
        raise Invalid(
            f"The frames are too large: {video['width']}×{video['height']} pixels."
            f" The maximum is {MAX_PIXELS // 1_000_000} megapixels."
        )
    reported_s = max(found["duration_s"], found["claimed_s"])
    if reported_s > MAX_DURATION_S:
        raise Invalid(
            f"The file reports a duration of {reported_s / 3600:.1f} hours."
            f" The maximum is {MAX_DURATION_S // 3600} hours."
        )
    picture = None
    if video:
        width, height = video["width"], video["height"]
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise Invalid(
                f"The aspect ratio of {width}×{height} pixels is too extreme."
                f" The longer side may be at most {MAX_ASPECT} times the shorter one."
            )
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
    """Run ffmpeg on the source with these output options, in the folder `work`.

    `tick` is called twice a second with the seconds of video processed so far. It may raise to stop ffmpeg.

    Raises: Invalid, if ffmpeg fails or takes longer than `limit_s`; Unavailable, if it was killed or the disk is full.
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
    done_s = [0.0]

    def on_tick() -> None:
        tick(done_s[0])
        need_disk(0)

    ended = sandbox.run(
        command,
        readable=[source.path, program],
        work=work,
        limit_s=limit_s,
        tick=on_tick,
        on_line=functools.partial(_note_progress, done_s),
    )
    if ended.status:
        log.warning("ffmpeg failed", status=ended.status, errors=ended.errors)
        need_disk(0)
        if ended.killed:
            raise Unavailable("The transcoding process was killed.")
        raise Invalid("The file cannot be decoded. It is damaged or its format is not supported.")


def _note_progress(done_s: list[float], line: bytes) -> bool:
    """Take the time from a line of ffmpeg's progress output. Returns whether the line was one with a time.

    `out_time_us` may be `N/A`, or smaller than before.
    """
    if not line.startswith(b"out_time_us="):
        return False
    with contextlib.suppress(ValueError):
        done_s[0] = max(done_s[0], int(line[12:]) / 1_000_000)
    return True


@functools.cache
def executable() -> Path:
    """Return the path of ffmpeg: the one in the settings, else a suitable one on PATH, else the imageio-ffmpeg wheel's.

    Raises: Unavailable, if there is none.
    """
    program = get_settings().ffmpeg or shutil.which("ffmpeg")
    if program and (get_settings().ffmpeg or _is_suitable(program)):
        return Path(program).resolve()
    import imageio_ffmpeg  # noqa: PLC0415  # needed only if the system has no suitable ffmpeg

    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe()).resolve()
    except RuntimeError as error:
        raise Unavailable("ffmpeg is not installed on the server.", retry_after=300) from error


def _is_suitable(program: str) -> bool:
    """Return whether this ffmpeg is recent enough and has the required libraries."""
    with contextlib.suppress(OSError):
        output = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"ffmpeg version n?(\d+)\.(\d+)", output)
        recent = version is None or (int(version[1]), int(version[2])) >= MIN_VERSION
        if recent and all(f"--enable-{library}" in output for library in REQUIRED_LIBRARIES):
            return True
    log.warning("the system's ffmpeg is too old or lacks a library; using the one of imageio-ffmpeg", program=program)
    return False
