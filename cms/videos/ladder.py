"""The HLS ladder: which renditions a source gets, and the one ffmpeg command that makes them all in one decoding pass.

Each rendition is one fragmented MP4 with a playlist of byte ranges; sound is encoded once, as a rendition of its own
that all share. All have their key frames at the same times, 4 s apart, so a player changes between them freely.
"""

from dataclasses import dataclass
from fractions import Fraction

from cms.videos.ffmpeg import Picture, Source

SEGMENT_S = 4
AUDIO = "audio"
AUDIO_KBPS = 128
POSTER = "poster.jpg"
MAX_RATE = 60
MIN_RATE = Fraction(1)
HDR_WHITE_NITS, HDR_PEAK_NITS = 203, 1000
"""The luminance of diffuse white in HDR (ITU-R BT.2408), and the luminance that becomes the white of SDR."""


@dataclass(frozen=True)
class Rung:
    short_side: int
    kbps: int
    """The most over any two seconds."""


RUNGS = (Rung(1080, 5000), Rung(720, 2800), Rung(480, 1400), Rung(240, 400))


@dataclass(frozen=True)
class Rendition:
    name: str
    width: int
    height: int
    kbps: int


def renditions(picture: Picture) -> list[Rendition]:
    """The largest first. Never larger than the source; a source below the lowest rung gets one of its own size."""
    short = min(picture.width, picture.height)
    rungs = [rung for rung in RUNGS if rung.short_side <= short] or [Rung(short, RUNGS[-1].kbps)]
    made = []
    for rung in rungs:
        scale = Fraction(rung.short_side, short)
        width, height = _even(picture.width * scale), _even(picture.height * scale)
        made.append(Rendition(f"{rung.short_side}p", width, height, rung.kbps))
    return made


def _even(pixels: Fraction) -> int:
    return max(2, round(pixels / 2) * 2)


def poster_size(picture: Picture, *, width: int = 1280) -> tuple[int, int]:
    scale = min(Fraction(1), Fraction(width, picture.width))
    return _even(picture.width * scale), _even(picture.height * scale)


def options(source: Source) -> list[str]:
    """ffmpeg's output options: writes `<name>.mp4` and `<name>.m3u8` for each rendition, and for `audio`."""
    made = renditions(source.picture) if source.picture else []
    streams = [
        f"v:{i}" + (f",agroup:{AUDIO}" if source.sound_index is not None else "") + f",name:{r.name}"
        for i, r in enumerate(made)
    ]
    if source.sound_index is not None:
        streams.append(f"a:0,agroup:{AUDIO},name:{AUDIO},default:yes" if made else f"a:0,name:{AUDIO}")
    return [
        *(_video(source.picture, made) if source.picture else ()),
        *(_audio(source.sound_index) if source.sound_index is not None else ()),
        *("-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1", "-max_muxing_queue_size", "4096"),
        *("-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_playlist_type", "vod"),
        *("-hls_segment_type", "fmp4", "-hls_flags", "single_file", "-hls_segment_filename", "%v.mp4"),
        *("-var_stream_map", " ".join(streams), "%v.m3u8"),
    ]


def _video(picture: Picture, made: list[Rendition]) -> list[str]:
    rate = frame_rate(picture.rate)
    limits = [
        option
        for i, r in enumerate(made)
        for option in (f"-maxrate:v:{i}", f"{r.kbps}k", f"-bufsize:v:{i}", f"{2 * r.kbps}k")
    ]
    return [
        *("-filter_complex", _graph(picture, made)),
        *(option for i in range(len(made)) for option in ("-map", f"[v{i}]")),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-profile:v", "high", "-pix_fmt", "yuv420p"),
        *limits,
        # A constant rate: with a variable one ffmpeg writes wrong last segments. Set on the encoder, because the `fps`
        # filter keeps all repeats of a long hole in memory.
        *("-r:v", f"{rate.numerator}/{rate.denominator}", "-fps_mode:v", "cfr"),
        *("-sc_threshold", "0", "-g", "600"),
        # The first frame of every 4 s, also after a hole in the source's timestamps.
        *(
            "-force_key_frames:v",
            f"expr:if(isnan(prev_forced_t),1,gt(floor(t/{SEGMENT_S}),floor(prev_forced_t/{SEGMENT_S})))",
        ),
    ]


def frame_rate(rate: Fraction) -> Fraction:
    """The rate to write: the source's own on average, or the largest even part of it that is at most 60 a second."""
    if not MIN_RATE <= rate <= 1000:
        rate = Fraction(30) if not rate or rate > 1000 else MIN_RATE
    return (rate / -(-rate // (MAX_RATE + 1))).limit_denominator(1001)


def _graph(picture: Picture, made: list[Rendition]) -> str:
    """Each rendition is scaled from the one above it."""
    before = ("bwdif," if picture.interlaced else "") + _to_sdr(picture, made[0].width, made[0].height)
    parts = []
    for i, r in enumerate(made):
        last = i == len(made) - 1
        inlet = f"[0:{picture.index}]{before}" if i == 0 else f"[c{i - 1}]"
        outlet = f"[v{i}]" if last else f",split=2[v{i}][c{i}]"
        parts.append(f"{inlet}scale={r.width}:{r.height}:flags=bicubic:out_range=tv,setsar=1,format=yuv420p{outlet}")
    return ";".join(parts)


def _to_sdr(picture: Picture, width: int, height: int) -> str:
    """The filters that convert an HDR picture to 8-bit BT.709 of this size; empty for SDR."""
    if picture.hdr is None:
        return ""
    # Scaled first, because tone mapping needs 12 bytes a pixel. Without side data, because the encoder would write the
    # HDR metadata in it. Primaries and matrix are given, because zscale fails where the file does not name them.
    # Mobius leaves dark and middle tones as they are, and compresses only the highlights.
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
    """ffmpeg's output options: writes one frame as the poster, at most 1280 pixels wide."""
    width, height = poster_size(picture)
    return [
        *("-map", f"0:{picture.index}", "-an", "-sn", "-dn", "-frames:v", "1"),
        *("-vf", f"{_to_sdr(picture, width, height)}scale={width}:{height}:out_range=pc,setsar=1,format=yuvj420p"),
        *("-c:v", "mjpeg", "-q:v", "4", "-f", "image2", "-update", "1", POSTER),
    ]


def most_bytes(source: Source) -> int:
    """How much room the renditions take at most."""
    kbps = AUDIO_KBPS + sum(r.kbps for r in renditions(source.picture)) if source.picture else AUDIO_KBPS
    return int(source.duration_s * kbps * 1000 / 8 * 1.1)


def file_names(source: Source) -> set[str]:
    """What may lie in the folder after ffmpeg."""
    made = [AUDIO, *(r.name for r in renditions(source.picture))] if source.picture else [AUDIO]
    return {POSTER, *(f"{name}.{extension}" for name in made for extension in ("mp4", "m3u8"))}
