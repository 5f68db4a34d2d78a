"""The HLS master playlist (RFC 8216), written from the renditions as they came out: real bit rates, real codecs."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import av

from cms.videos.ladder import AUDIO, Rendition
from conf.errors import Invalid

MASTER = "master.m3u8"


@dataclass(frozen=True)
class Made:
    """A rendition's file. Bit rates in bit/s, as RFC 8216 §4.3.4.2 defines them."""

    duration_s: float
    peak: float
    average: float
    codec: str
    """RFC 6381."""
    rate: float


def measure(folder: Path, name: str) -> Made | None:
    """What ffmpeg made under that name; None when nothing came out."""
    playlist = folder / f"{name}.m3u8"
    text = playlist.read_text() if playlist.exists() else ""
    seconds = [float(value) for value in re.findall(r"^#EXTINF:([\d.]+)", text, re.MULTILINE)]
    sizes = [int(value) for value in re.findall(r"^#EXT-X-BYTERANGE:(\d+)", text, re.MULTILINE)]
    if not sum(seconds) or not sum(sizes):
        return None
    # A last segment much shorter than the others says nothing about what the line must carry.
    counted = [(size, s) for size, s in zip(sizes, seconds, strict=True) if s >= max(seconds) / 2]
    peak = max(size * 8 / s for size, s in counted)
    with av.open(str(folder / f"{name}.mp4"), format="mp4") as container:
        stream = container.streams[0]
        header = stream.codec_context.extradata or b""
        if stream.type == "video":
            return Made(
                sum(seconds),
                peak,
                sum(sizes) * 8 / sum(seconds),
                f"avc1.{header[1:4].hex()}",
                float(stream.average_rate or 0),
            )
        return Made(sum(seconds), peak, sum(sizes) * 8 / sum(seconds), f"mp4a.40.{header[0] >> 3}", 0)


def write_master(folder: Path, made: list[Rendition]) -> float:
    """Write `master.m3u8` over what is in the folder; the seconds it plays. Invalid when nothing plays."""
    sound = measure(folder, AUDIO)
    if sound is None:  # a track of which nothing came out
        for name in (f"{AUDIO}.m3u8", f"{AUDIO}.mp4"):
            (folder / name).unlink(missing_ok=True)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if sound and made:
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{AUDIO}",NAME="{AUDIO}",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
            f'URI="{AUDIO}.m3u8"'
        )
    longest = sound.duration_s if sound else 0.0
    for rendition in made:
        picture = measure(folder, rendition.name)
        if picture is None:
            raise Invalid("The file cannot be decoded: no picture came out of it.")
        longest = max(longest, picture.duration_s)
        parts = [picture, sound] if sound else [picture]
        attributes = [
            f"BANDWIDTH={math.ceil(sum(part.peak for part in parts))}",
            f"AVERAGE-BANDWIDTH={math.ceil(sum(part.average for part in parts))}",
            f"RESOLUTION={rendition.width}x{rendition.height}",
            *([f"FRAME-RATE={picture.rate:.3f}"] if picture.rate else []),
            f'CODECS="{",".join(part.codec for part in parts)}"',
            *([f'AUDIO="{AUDIO}"'] if sound else []),
        ]
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", f"{rendition.name}.m3u8"]
    if not made:
        if sound is None:
            raise Invalid("The file cannot be decoded: no sound came out of it.")
        lines += [
            f'#EXT-X-STREAM-INF:BANDWIDTH={math.ceil(sound.peak)},AVERAGE-BANDWIDTH={math.ceil(sound.average)},CODECS="{sound.codec}"',
            f"{AUDIO}.m3u8",
        ]
    with (folder / MASTER).open("x") as file:
        file.write("\n".join(lines) + "\n")
    return longest
