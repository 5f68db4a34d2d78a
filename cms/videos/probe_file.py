"""A separate program that runs in the sandbox. It prints the duration and the streams of a media file as JSON.

    probe_file.py FILE DEMUXER DEMUXERS DECODERS MAX_PIXELS

`DEMUXER` is the demuxer for the file. `DEMUXERS` and `DECODERS` are the allowlists for ffmpeg, separated by commas. The
program prints `{"no_decoder": [kind, codec]}` if a stream cannot be decoded, and `{"error": "…"}` if the file cannot be
read for another reason. It does not import any module of Campus.
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
"""Demuxers for which ffmpeg only estimates the duration, from the bitrate at the beginning."""
HDR = {ColorTrc.SMPTE2084: "smpte2084", ColorTrc.ARIB_STD_B67: "arib-std-b67"}
"""ffmpeg's names of the HDR transfer functions PQ and HLG (ITU-R BT.2100)."""


class NoDecoder(Exception):
    """A stream has no decoder that exists and is allowed. Arguments: "video" or "audio", and the name of the codec."""


def probe(path: str, demuxer: str, demuxers: str, decoders: str, max_pixels: str) -> dict[str, Any]:
    options = {"protocol_whitelist": "file", "format_whitelist": demuxers, "codec_whitelist": decoders}
    with av.open(path, format=demuxer, options=options) as container:
        videos = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        audios = [s for s in container.streams.audio if s.codec_context is None or s.codec_context.sample_rate]
        start = max(0, container.start_time or 0) if demuxer == "matroska" else 0
        found: dict[str, Any] = {
            "duration_s": max(0.0, ((container.duration or 0) - start) / 1_000_000),
            "claimed_s": 0.0,
            "audio_index": audios[0].index if audios else None,
            "video": probe_video(container, videos[0], decoders, int(max_pixels)) if videos else None,
        }
        if audios:
            open_decoder(container, audios[0], {"codec_whitelist": decoders})
        rate = videos[0].average_rate if videos else None
        needs_measuring = not found["duration_s"] or demuxer in ESTIMATED
        if (videos or audios) and (needs_measuring or (videos and not rate)):
            measured_s, rate = measure(path, demuxer, options, (videos or audios)[0].index)
            if needs_measuring:
                found["duration_s"] = measured_s
        if found["video"]:
            found["video"]["rate"] = [rate.numerator, rate.denominator] if rate else [0, 1]
    if demuxer == "mov":
        with Path(path).open("rb") as file:
            found["claimed_s"] = movie_header_s(file)
    return found


def probe_video(container: Any, stream: Any, decoders: str, max_pixels: int) -> dict[str, Any]:
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
    raise NoDecoder("audio" if stream.type == "audio" else "video", codec_name(container, stream))


def codec_name(container: Any, stream: Any) -> str:
    """Return ffmpeg's name of the stream's codec, or the four-character code in the file if ffmpeg does not know it."""
    if stream.codec_context is not None:
        return str(stream.codec_context.name)
    # Without a decoder PyAV has no codec context. The name is then only in ffmpeg's dump of the file, which is empty at
    # PyAV's default log level.
    av.logging.set_level(av.logging.INFO)
    match = re.search(
        rf"^ *Stream #0:{stream.index}\b.*: (?:Video|Audio): (?:none \()?(\w+)", container.dumps_format(), re.MULTILINE
    )
    return match[1] if match and match[1] != "none" else "(unknown)"


def measure(path: str, demuxer: str, options: dict[str, str], index: int) -> tuple[float, Fraction]:
    """Return the duration in seconds and the frame rate of a stream, from the timestamps of all its packets.

    This is for files whose header has neither, such as recordings of browsers and live streams.
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
    """Return the duration that an MP4 declares in its `mvhd` box (ISO 14496-12, 8.2.2); 0 if there is none.

    ffmpeg does not trust it, so it is not in `container.duration`.
    """
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
        print(json.dumps({"error": "no video frame can be decoded"}))
    except (av.error.FFmpegError, ValueError, OSError, struct.error) as error:
        print(json.dumps({"error": getattr(error, "strerror", None) or str(error)}))
