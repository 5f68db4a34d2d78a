"""The HLS master playlist (RFC 8216), with the bitrates and codecs measured in the encoded renditions."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import av

from cms.videos.ladder import AUDIO, Rendition
from conf.errors import Invalid

MASTER = "master.m3u8"


@dataclass(frozen=True)
class Measured:
    """Properties of an encoded rendition."""

    duration_s: float
    peak: float
    average: float
    """`peak` and `average` are segment bitrates in bit/s (RFC 8216, 4.3.4.2)."""
    codec: str
    """In the format of RFC 6381."""
    rate: float
    """Frames per second; 0 for audio."""


def measure(folder: Path, name: str) -> Measured | None:
    """Measure the rendition of that name from its playlist and file; None if it has no segments."""
    playlist = folder / f"{name}.m3u8"
    text = playlist.read_text() if playlist.exists() else ""
    seconds = [float(value) for value in re.findall(r"^#EXTINF:([\d.]+)", text, re.MULTILINE)]
    sizes = [int(value) for value in re.findall(r"^#EXT-X-BYTERANGE:(\d+)", text, re.MULTILINE)]
    if not sum(seconds) or not sum(sizes):
        return None
    # Leave out a short last segment: its bitrate can be high, but it does not represent the bandwidth needed.
    counted = [(size, s) for size, s in zip(sizes, seconds, strict=True) if s >= max(seconds) / 2]
    peak = max(size * 8 / s for size, s in counted)
    with av.open(str(folder / f"{name}.mp4"), format="mp4") as container:
        stream = container.streams[0]
        header = stream.codec_context.extradata or b""
        if stream.type == "video":
            return Measured(
                sum(seconds),
                peak,
                sum(sizes) * 8 / sum(seconds),
                f"avc1.{header[1:4].hex()}",
                float(stream.average_rate or 0),
            )
        return Measured(sum(seconds), peak, sum(sizes) * 8 / sum(seconds), f"mp4a.40.{header[0] >> 3}", 0)


def write_master(folder: Path, renditions: list[Rendition]) -> float:
    """Write `master.m3u8` for the renditions in the folder, and return the playable length in seconds.

    Raises: Invalid, if the video stream, or the audio stream of an audio file, has no segments.
    """
    audio = measure(folder, AUDIO)
    if audio is None:  # the source has no audio stream, or nothing could be decoded from it
        for name in (f"{AUDIO}.m3u8", f"{AUDIO}.mp4"):
            (folder / name).unlink(missing_ok=True)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if audio and renditions:
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{AUDIO}",NAME="{AUDIO}",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
            f'URI="{AUDIO}.m3u8"'
        )
    longest = audio.duration_s if audio else 0.0
    for rendition in renditions:
        video = measure(folder, rendition.name)
        if video is None:
            raise Invalid("The video stream of the file cannot be decoded. It may be damaged.")
        longest = max(longest, video.duration_s)
        parts = [video, audio] if audio else [video]
        attributes = [
            f"BANDWIDTH={math.ceil(sum(part.peak for part in parts))}",
            f"AVERAGE-BANDWIDTH={math.ceil(sum(part.average for part in parts))}",
            f"RESOLUTION={rendition.width}x{rendition.height}",
            *([f"FRAME-RATE={video.rate:.3f}"] if video.rate else []),
            f'CODECS="{",".join(part.codec for part in parts)}"',
            *([f'AUDIO="{AUDIO}"'] if audio else []),
        ]
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", f"{rendition.name}.m3u8"]
    if not renditions:
        if audio is None:
            raise Invalid("The audio stream of the file cannot be decoded. It may be damaged.")
        lines += [
            f'#EXT-X-STREAM-INF:BANDWIDTH={math.ceil(audio.peak)},AVERAGE-BANDWIDTH={math.ceil(audio.average)},CODECS="{audio.codec}"',
            f"{AUDIO}.m3u8",
        ]
    with (folder / MASTER).open("x") as file:
        file.write("\n".join(lines) + "\n")
    return longest
