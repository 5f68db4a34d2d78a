"""The HLS bitrate ladder: the renditions of a source, and the options for one ffmpeg command that encodes them all.

The source is decoded once. Each rendition is one fragmented MP4 file with a playlist of byte ranges. Audio is encoded
once, as a separate audio rendition that all video renditions share. The keyframes of all renditions are at the same
times, 4 s apart, so a player can switch renditions at any segment.
"""

from dataclasses import dataclass
from fractions import Fraction

from cms.videos.ffmpeg import Picture, Source

SEGMENT_S = 4
"""Length of a segment in seconds."""
AUDIO = "audio"
AUDIO_KBPS = 128
POSTER = "poster.jpg"
MAX_RATE = 60
MIN_RATE = Fraction(1)
"""Frame rates of renditions, in frames per second: see `frame_rate`."""
HDR_WHITE_NITS, HDR_PEAK_NITS = 203, 1000
"""Luminance of HDR diffuse white (ITU-R BT.2408), and of the highlights that tone mapping maps to SDR white."""


@dataclass(frozen=True)
class Rung:
    """One step of the bitrate ladder."""

    short_side: int
    """The shorter side of the frame in pixels."""
    kbps: int
    """Maximum video bitrate in kbit/s (`-maxrate`), with a rate control buffer of two seconds."""


RUNGS = (Rung(1080, 5000), Rung(720, 2800), Rung(480, 1400), Rung(240, 400))


@dataclass(frozen=True)
class Rendition:
    """A video rendition. Its file is `<name>.mp4`, its playlist `<name>.m3u8`."""

    name: str
    width: int
    height: int
    kbps: int


def renditions(picture: Picture) -> list[Rendition]:
    """Return the renditions of a source, largest first.

    No rendition is larger than the source. A source smaller than the lowest rung gets one rendition of its own size.
    """
    short = min(picture.width, picture.height)
    rungs = [rung for rung in RUNGS if rung.short_side <= short] or [Rung(short, RUNGS[-1].kbps)]
    found = []
    for rung in rungs:
        scale = Fraction(rung.short_side, short)
        width, height = _even(picture.width * scale), _even(picture.height * scale)
        found.append(Rendition(f"{rung.short_side}p", width, height, rung.kbps))
    return found


def _even(pixels: Fraction) -> int:
    """Round to an even number of pixels, as the pixel format yuv420p requires."""
    return max(2, round(pixels / 2) * 2)


def poster_size(picture: Picture, *, width: int = 1280) -> tuple[int, int]:
    """Return width and height of the poster image: the display size, scaled down to at most `width` pixels."""
    scale = min(Fraction(1), Fraction(width, picture.width))
    return _even(picture.width * scale), _even(picture.height * scale)


def options(source: Source) -> list[str]:
    """Return ffmpeg's output options to write `<name>.mp4` and `<name>.m3u8` for each rendition, and for `audio`."""
    ladder = renditions(source.picture) if source.picture else []
    streams = [
        f"v:{i}" + (f",agroup:{AUDIO}" if source.audio_index is not None else "") + f",name:{r.name}"
        for i, r in enumerate(ladder)
    ]
    if source.audio_index is not None:
        streams.append(f"a:0,agroup:{AUDIO},name:{AUDIO},default:yes" if ladder else f"a:0,name:{AUDIO}")
    return [
        *(_video(source.picture, ladder) if source.picture else ()),
        *(_audio(source.audio_index) if source.audio_index is not None else ()),
        *("-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1", "-max_muxing_queue_size", "4096"),
        *("-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_playlist_type", "vod"),
        *("-hls_segment_type", "fmp4", "-hls_flags", "single_file", "-hls_segment_filename", "%v.mp4"),
        *("-var_stream_map", " ".join(streams), "%v.m3u8"),
    ]


def _video(picture: Picture, ladder: list[Rendition]) -> list[str]:
    rate = frame_rate(picture.rate)
    limits = [
        option
        for i, r in enumerate(ladder)
        for option in (f"-maxrate:v:{i}", f"{r.kbps}k", f"-bufsize:v:{i}", f"{2 * r.kbps}k")
    ]
    return [
        *("-filter_complex", _graph(picture, ladder)),
        *(option for i in range(len(ladder)) for option in ("-map", f"[v{i}]")),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-profile:v", "high", "-pix_fmt", "yuv420p"),
        *limits,
        # The frame rate is constant, because with a variable one ffmpeg writes a wrong last segment. It is set on the
        # encoder, because the `fps` filter would hold all repeated frames of a long gap in memory.
        *("-r:v", f"{rate.numerator}/{rate.denominator}", "-fps_mode:v", "cfr"),
        *("-sc_threshold", "0", "-g", "600"),
        # A keyframe at the first frame of every segment, also after a gap in the timestamps of the source.
        *(
            "-force_key_frames:v",
            f"expr:if(isnan(prev_forced_t),1,gt(floor(t/{SEGMENT_S}),floor(prev_forced_t/{SEGMENT_S})))",
        ),
    ]


def frame_rate(rate: Fraction) -> Fraction:
    """Return the frame rate of the renditions, given the average frame rate of the source.

    The rate of the source is kept up to 61. A higher one is divided by the smallest integer that gives 61 or less.
    A rate below 1 becomes 1; an unknown rate (0), or one above 1000, becomes 30.
    """
    if not MIN_RATE <= rate <= 1000:
        rate = Fraction(30) if not rate or rate > 1000 else MIN_RATE
    return (rate / -(-rate // (MAX_RATE + 1))).limit_denominator(1001)


def _graph(picture: Picture, ladder: list[Rendition]) -> str:
    """Return the filter graph. Each rendition is scaled from the next larger one."""
    first_filters = ("bwdif," if picture.interlaced else "") + _to_sdr(picture, ladder[0].width, ladder[0].height)
    parts = []
    for i, r in enumerate(ladder):
        last = i == len(ladder) - 1
        source = f"[0:{picture.index}]{first_filters}" if i == 0 else f"[c{i - 1}]"
        output = f"[v{i}]" if last else f",split=2[v{i}][c{i}]"
        parts.append(f"{source}scale={r.width}:{r.height}:flags=bicubic:out_range=tv,setsar=1,format=yuv420p{output}")
    return ";".join(parts)


def _to_sdr(picture: Picture, width: int, height: int) -> str:
    """Return the filters that scale HDR frames to this size and tone-map them to 8-bit BT.709; empty for SDR."""
    if picture.hdr is None:
        return ""
    # Scale first, because tone mapping needs 12 bytes per pixel. Delete the side data, because the encoder would write
    # its HDR metadata to the output. Set primaries and matrix, because zscale fails if the file does not declare them.
    # The Mobius curve keeps shadows and midtones unchanged and compresses only the highlights.
    return (
        f"scale={width}:{height}:flags=bicubic:out_range=tv,sidedata=delete,"
        f"zscale=tin={picture.hdr}:pin=bt2020:min=bt2020nc:rin=tv:t=linear:p=bt709:npl={HDR_WHITE_NITS},"
        f"format=gbrpf32le,tonemap=mobius:peak={HDR_PEAK_NITS / HDR_WHITE_NITS:.2f}:desat=0,"
        "zscale=t=bt709:m=bt709:r=tv,format=yuv420p,"
    )


def _audio(index: int) -> list[str]:
    return [
        *("-map", f"0:{index}", "-c:a", "aac", "-b:a", f"{AUDIO_KBPS}k", "-ac", "2", "-ar", "48000"),
        *("-af", "aresample=async=1:first_pts=0"),
    ]


def poster_options(picture: Picture) -> list[str]:
    """Return ffmpeg's output options to write one frame as the poster image, at most 1280 pixels wide."""
    width, height = poster_size(picture)
    return [
        *("-map", f"0:{picture.index}", "-an", "-sn", "-dn", "-frames:v", "1"),
        *("-vf", f"{_to_sdr(picture, width, height)}scale={width}:{height}:out_range=pc,setsar=1,format=yuvj420p"),
        *("-c:v", "mjpeg", "-q:v", "4", "-f", "image2", "-update", "1", POSTER),
    ]


def max_output_bytes(source: Source) -> int:
    """Return the maximum size of all renditions together in bytes, with a margin of 10 %."""
    kbps = AUDIO_KBPS + sum(r.kbps for r in renditions(source.picture)) if source.picture else AUDIO_KBPS
    return int(source.duration_s * kbps * 1000 / 8 * 1.1)


def file_names(source: Source) -> set[str]:
    """Return the names of the files that ffmpeg may write."""
    names = [AUDIO, *(r.name for r in renditions(source.picture))] if source.picture else [AUDIO]
    return {POSTER, *(f"{name}.{extension}" for name in names for extension in ("mp4", "m3u8"))}
