"""A program of its own, run inside the sandbox: what a file holds, printed as JSON.

    probe_file.py FILE DEMUXER DEMUXERS DECODERS MAX_PIXELS

It imports nothing of Campus. Prints `{"error": …}` for a file it cannot make sense of.
"""

import contextlib
import json
import re
import struct
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.video.reformatter import ColorTrc

ESTIMATED = ("mp3", "aac")
"""Whose duration ffmpeg only guesses, from the first bit rate."""
HDR = {ColorTrc.SMPTE2084: "smpte2084", ColorTrc.ARIB_STD_B67: "arib-std-b67"}
"""ffmpeg's names of the transfer functions of HDR: PQ and HLG (ITU-R BT.2100)."""


class NoDecoder(Exception):
    """There is no decoder for a stream, or none that may be used. Its arguments: the kind of stream, the codec."""


def probe(path: str, demuxer: str, demuxers: str, decoders: str, max_pixels: str) -> dict[str, Any]:
    options = {"protocol_whitelist": "file", "format_whitelist": demuxers, "codec_whitelist": decoders}
    with av.open(path, format=demuxer, options=options) as container:
        videos = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        sounds = [s for s in container.streams.audio if s.codec_context is None or s.codec_context.sample_rate]
        start = max(0, container.start_time or 0) if demuxer == "matroska" else 0
        found: dict[str, Any] = {
            "duration_s": max(0.0, ((container.duration or 0) - start) / 1_000_000),
            "claimed_s": 0.0,
            "audio_index": sounds[0].index if sounds else None,
            "video": look(container, videos[0], decoders, int(max_pixels)) if videos else None,
        }
        if sounds:
            open_decoder(container, sounds[0], {"codec_whitelist": decoders})
        rate = videos[0].average_rate if videos else None
        untold = not found["duration_s"] or demuxer in ESTIMATED
        if (videos or sounds) and (untold or (videos and not rate)):
            measured_s, rate = measure(path, demuxer, options, (videos or sounds)[0].index)
            if untold:
                found["duration_s"] = measured_s
        if found["video"]:
            found["video"]["rate"] = [rate.numerator, rate.denominator] if rate else [0, 1]
    if demuxer == "mov":
        with Path(path).open("rb") as file:
            found["claimed_s"] = movie_header_s(file)
    return found


def look(container: Any, stream: Any, decoders: str, max_pixels: int) -> dict[str, Any]:
    context = stream.codec_context
    if context and context.width * context.height > max_pixels:
        return {"width": context.width, "height": context.height, "too_large": True}
    open_decoder(container, stream, {"max_pixels": str(max_pixels), "codec_whitelist": decoders})
    frame = next(container.decode(stream))
    sar = stream.sample_aspect_ratio or Fraction(1)
    return {
        "index": stream.index,
        "width": max(1, round(frame.width * sar)) if sar > 0 else frame.width,
        "height": frame.height,
        "rotation": frame.rotation,
        "interlaced": bool(frame.interlaced_frame),
        "hdr": HDR.get(frame.color_trc),
        "too_large": False,
    }


def open_decoder(container: Any, stream: Any, options: dict[str, str]) -> None:
    """Open the decoder of the stream. Raises: NoDecoder."""
    if stream.codec_context is not None:
        stream.codec_context.options = options
        with contextlib.suppress(av.error.FFmpegError):
            stream.codec_context.open()
            return
    raise NoDecoder("sound" if stream.type == "audio" else "video", codec_name(container, stream))


def codec_name(container: Any, stream: Any) -> str:
    """ffmpeg's name of the stream's codec, or the four characters in the file for one that ffmpeg does not know."""
    if stream.codec_context is not None:
        return str(stream.codec_context.name)
    # Without a decoder PyAV has no codec context. The name is then only in ffmpeg's description of the file, which
    # PyAV returns empty at its own log level.
    av.logging.set_level(av.logging.INFO)
    told = re.search(
        rf"^ *Stream #0:{stream.index}\b.*: (?:Video|Audio): (?:none \()?(\w+)", container.dumps_format(), re.MULTILINE
    )
    return told[1] if told and told[1] != "none" else "(unknown)"


def measure(path: str, demuxer: str, options: dict[str, str], index: int) -> tuple[float, Fraction]:
    """Seconds and frames a second of one stream, from the times of all its packets.

    For files whose header tells neither, as recorders in browsers and of live streams write them.
    """
    count, first, last = 0, None, 0
    with av.open(path, format=demuxer, options=options) as container:
        stream = container.streams[index]
        for packet in container.demux(stream):
            if packet.pts is not None:
                count += 1
                first = packet.pts if first is None else min(first, packet.pts)
                last = max(last, packet.pts + (packet.duration or 0))
        seconds = (last - (first or 0)) * (stream.time_base or Fraction(1, 1000))
    return float(seconds), Fraction(count) / seconds if seconds > 0 else Fraction(0)


def movie_header_s(file: BinaryIO) -> float:
    """The duration an MP4 claims in its `mvhd` (ISO 14496-12, 8.2.2), which ffmpeg rightly does not trust. 0: none."""
    file.seek(0, 2)
    end, position, inside = file.tell(), 0, False
    for _ in range(1000):
        if position + 8 > end:
            return 0.0
        file.seek(position)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        if kind == b"moov" and not inside:
            position, inside = position + header, True
            continue
        if kind == b"mvhd":
            body = file.read(32)
            scale, length = struct.unpack(">IQ", body[20:32]) if body[0] else struct.unpack(">II", body[12:20])
            return 0.0 if not scale or length in (2**32 - 1, 2**64 - 1) else float(length / scale)
        if size < header:
            return 0.0
        position += size
    return 0.0


if __name__ == "__main__":
    try:
        print(json.dumps(probe(*sys.argv[1:6])))
    except NoDecoder as error:
        print(json.dumps({"no_decoder": error.args}))
    except StopIteration:
        print(json.dumps({"error": "no picture can be decoded"}))
    except (av.error.FFmpegError, ValueError, OSError, struct.error) as error:
        print(json.dumps({"error": getattr(error, "strerror", None) or str(error)}))
