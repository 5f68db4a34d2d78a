"""Transcoding of files in many formats, and the resulting HLS files as a player sees them."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from fastapi.testclient import TestClient

from cms.videos import ffmpeg as program
from conf import sandbox as sandbox_module
from conf._celery.models import Job
from conf.errors import Invalid
from conf.settings import get_settings
from tests.cms.clips import H264, clip, ffmpeg, folder
from tests.cms.test_videos import VIDEOS, make

RunJobs = Callable[[], list[Job]]
Process = Callable[[Path], dict[str, Any]]


@pytest.fixture
def process(client: TestClient, run_jobs: RunJobs) -> Process:
    def run(path: Path) -> dict[str, Any]:
        video = make(client)
        with path.open("rb") as file:
            response = client.post(f"{VIDEOS}{video['id']}/upload/", files={"file": file})
        assert response.status_code == 200, response.text
        run_jobs()
        return dict(client.get(f"{VIDEOS}{video['id']}/").json())

    return run


def fetch_hls(video: dict[str, Any], client: TestClient, into: Path) -> dict[str, Any]:
    """Fetch the master playlist and its renditions. Return it with the properties of each rendition."""
    base = video["hls_url"].rpartition("/")[0]
    master = client.get(video["hls_url"]).text
    names = re.findall(r'^(?!#)(\S+)\.m3u8$|URI="(\S+)\.m3u8"', master, re.MULTILINE)
    found: dict[str, Any] = {"master": master, "renditions": {}}
    for name in sorted({a or b for a, b in names}):
        playlist = client.get(f"{base}/{name}.m3u8").text
        assert "#EXT-X-ENDLIST" in playlist
        file = into / f"{name}.mp4"
        file.write_bytes(client.get(f"{base}/{name}.mp4").content)
        ranges = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", playlist)
        assert sum(map(int, ranges[-1])) == file.stat().st_size
        with av.open(str(file)) as container:
            stream: Any = container.streams[0]
            keys = [float(p.pts * p.time_base) for p in container.demux(stream) if p.is_keyframe and p.pts is not None]
            found["renditions"][name] = {
                "kind": stream.type,
                "size": (stream.codec_context.width, stream.codec_context.height) if stream.type == "video" else None,
                "keyframes": [round(key - keys[0], 2) for key in keys] if stream.type == "video" else None,
                "pixels": stream.codec_context.pix_fmt if stream.type == "video" else None,
            }
    return found


def test_a_1080p_source_gets_the_whole_ladder_with_aligned_keyframes(
    client: TestClient, process: Process, tmp_path: Path
) -> None:
    video = process(clip(size="1920x1080", seconds=9))
    found = fetch_hls(video, client, tmp_path)

    sizes = {name: file["size"] for name, file in found["renditions"].items() if file["kind"] == "video"}
    assert sizes == {"1080p": (1920, 1080), "720p": (1280, 720), "480p": (854, 480), "240p": (426, 240)}
    assert {tuple(file["keyframes"]) for file in found["renditions"].values() if file["keyframes"]} == {(0.0, 4.0, 8.0)}
    lines = [line for line in found["master"].splitlines() if line.startswith("#EXT-X-STREAM-INF")]
    assert len(lines) == 4
    for line in lines:
        assert re.search(
            r'BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,RESOLUTION=\d+x\d+,.*CODECS="avc1\.[0-9a-f]{6},mp4a\.40\.2"', line
        )


def _encoded(name: str, codec: str, pixels: str, *, size: str = "320x240") -> Path:
    options = ("-c:v", codec, "-pix_fmt", pixels, "-c:a", "pcm_s16le", "-ar", "48000")
    return clip(name, *options, size=size, seconds=0.4)


FORMATS: dict[str, tuple[Callable[[], Path], tuple[int, int] | None]] = {
    "silent": (lambda: clip(audio=False), (320, 240)),
    "audio only m4a": (lambda: clip("a.m4a", video=False), None),
    "audio only mp3": (lambda: clip("a.mp3", video=False), None),
    "audio only wav": (lambda: clip("a.wav", video=False), None),
    "flac": (lambda: clip("a.flac", video=False), None),
    "odd size, 4:4:4": (
        lambda: clip("a.mp4", "-vf", "format=yuv444p,scale=641:361,setsar=1", "-c:v", "libx264", "-pix_fmt", "yuv444p"),
        (641, 361),
    ),
    "tiny": (lambda: clip(size="64x48"), (64, 48)),
    "portrait": (lambda: clip(size="360x640"), (360, 640)),
    "variable frame rate": (
        lambda: clip("a.mkv", "-vf", "select='not(mod(n,3))+lt(random(0),0.4)'", "-fps_mode", "vfr", *H264, seconds=6),
        (320, 240),
    ),
    "10 bit": (lambda: clip("a.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p10le"), (320, 240)),
    "4:2:2": (lambda: clip("a.mkv", "-c:v", "libx264", "-pix_fmt", "yuv422p"), (320, 240)),
    "gray": (lambda: clip("a.mkv", "-c:v", "libx264", "-pix_fmt", "gray"), (320, 240)),
    "anamorphic": (lambda: clip("a.mkv", "-vf", "setsar=2/1", *H264), (640, 240)),
    "120 fps": (lambda: clip("a.mp4", *H264, rate="120"), (320, 240)),
    "one frame": (lambda: clip("a.mp4", "-frames:v", "1", *H264, audio=False), (320, 240)),
    "5.1 audio": (lambda: clip("a.mp4", *H264, "-ac", "6"), (320, 240)),
    "8 kHz audio": (lambda: clip("a.mkv", *H264, "-c:a", "pcm_s16le", "-ar", "8000", "-ac", "1"), (320, 240)),
    "webm": (lambda: clip("a.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus"), (320, 240)),
    "avi": (lambda: clip("a.avi"), (320, 240)),
    "mpeg-ts": (lambda: clip("a.ts", *H264), (320, 240)),
    "flv": (lambda: clip("a.flv", *H264, "-c:a", "aac"), (320, 240)),
    "mov": (lambda: clip("a.mov", *H264), (320, 240)),
    "ogg": (lambda: clip("a.ogv", "-c:v", "libtheora", "-c:a", "libvorbis"), (320, 240)),
    "wmv": (lambda: clip("a.wmv"), (320, 240)),
    "interlaced": (lambda: clip("a.mpg", "-flags", "+ildct+ilme", "-c:v", "mpeg2video"), (320, 240)),
    "ffv1": (lambda: _encoded("a.mkv", "ffv1", "yuv420p"), (320, 240)),
    "10-bit ffv1 in mov": (lambda: _encoded("a.mov", "ffv1", "yuv422p10le"), (320, 240)),
    "huffyuv": (lambda: _encoded("a.avi", "huffyuv", "yuv422p"), (320, 240)),
    "huffyuv, RGB, in mkv": (lambda: _encoded("a.mkv", "huffyuv", "rgb24"), (320, 240)),
    "ffvhuff": (lambda: _encoded("a.avi", "ffvhuff", "yuv420p"), (320, 240)),
    "raw in avi": (lambda: _encoded("a.avi", "rawvideo", "yuv420p"), (320, 240)),
    "raw in mov": (lambda: _encoded("a.mov", "rawvideo", "uyvy422"), (320, 240)),
    "raw in mkv": (lambda: _encoded("a.mkv", "rawvideo", "yuv420p"), (320, 240)),
    "animation": (lambda: _encoded("a.mov", "qtrle", "rgb24"), (320, 240)),
    "animation with transparency": (lambda: _encoded("a.mov", "qtrle", "argb"), (320, 240)),
    "DV in mov": (lambda: _encoded("a.mov", "dvvideo", "yuv420p", size="720x576"), (720, 576)),
    "DV in avi": (lambda: _encoded("a.avi", "dvvideo", "yuv420p", size="720x576"), (720, 576)),
    "DV in mkv": (lambda: _encoded("a.mkv", "dvvideo", "yuv420p", size="720x576"), (720, 576)),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_supported_format_is_processed(kind: str, client: TestClient, process: Process, tmp_path: Path) -> None:
    make_clip, size = FORMATS[kind]
    video = process(make_clip())

    assert (video["status"], video["error"]) == ("PROCESSED", None)
    assert (video["width"], video["height"]) == (size or (None, None))
    renditions = fetch_hls(video, client, tmp_path)["renditions"]
    streams = [rendition for rendition in renditions.values() if rendition["kind"] == "video"]
    assert all(stream["pixels"] == "yuv420p" for stream in streams)
    assert len({tuple(stream["keyframes"]) for stream in streams}) == (1 if size else 0)
    if size:
        assert client.get(video["poster_url"]).status_code == 200
        assert max(min(stream["size"]) for stream in streams) <= min(size) + 1
    else:
        assert video["poster_url"] is None
        assert set(renditions) == {"audio"}


HDR_METADATA = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
BT2020 = ":color_primaries=bt2020:colorspace=bt2020nc"
HDR = {
    "PQ, black": ("smpte2084", 64, 16),
    "PQ, grey of 26 nits": ("smpte2084", 397, 109),
    "PQ, white of 203 nits": ("smpte2084", 573, 203),
    "PQ, 1000 nits": ("smpte2084", 723, 235),
    "HLG, grey": ("arib-std-b67", 397, 110),
    "HLG, white": ("arib-std-b67", 721, 203),
    "HLG, peak": ("arib-std-b67", 940, 235),
}
"""The transfer function, the 10-bit luma of the source (ITU-R BT.2408), and the expected 8-bit luma of the result."""


def _hdr(transfer: str, luma: int, *, tags: str = "", size: str) -> Path:
    """Return a clip like those of phones, but of one uniform grey. `tags`: more options of the filter `setparams`."""
    return clip(
        "hdr.mp4",
        *("-vf", f"format=yuv420p10le,geq=lum={luma}:cb=512:cr=512,setparams=range=tv:color_trc={transfer}{tags}"),
        *("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", f"log-level=0:{HDR_METADATA}"),
        size=size,
        seconds=0.2,
        audio=False,
    )


def _middle(path: Path) -> tuple[Any, int]:
    """Return the first frame, and the luma in its middle."""
    with av.open(str(path)) as container:
        frame: Any = next(container.decode(video=0))
        plane = frame.planes[0]
        return frame, bytes(plane)[plane.line_size * (frame.height // 2) + frame.width // 2]


@pytest.mark.parametrize("patch", HDR)
def test_hdr_is_tone_mapped_to_the_right_brightness(
    patch: str, client: TestClient, process: Process, tmp_path: Path
) -> None:
    transfer, luma, expected = HDR[patch]
    video = process(_hdr(transfer, luma, tags=BT2020, size="640x480"))
    assert (video["status"], video["error"]) == ("PROCESSED", None)
    assert set(fetch_hls(video, client, tmp_path)["renditions"]) == {"480p", "240p"}
    for name in ("480p", "240p"):
        frame, shown = _middle(tmp_path / f"{name}.mp4")
        assert frame.format.name == "yuv420p"
        assert (frame.color_range, frame.color_trc, frame.color_primaries, frame.colorspace) == (1, 1, 1, 1)
        assert not {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} & {data.type.name for data in frame.side_data}
        assert shown == pytest.approx(expected, abs=3)
    poster = tmp_path / "poster.jpg"
    poster.write_bytes(client.get(video["poster_url"]).content)
    assert _middle(poster)[1] == pytest.approx((expected - 16) * 255 / 219, abs=4)


def test_hdr_without_declared_primaries_is_treated_as_bt2020(
    client: TestClient, process: Process, tmp_path: Path
) -> None:
    video = process(_hdr("smpte2084", 573, size="320x240"))
    assert (video["status"], video["error"]) == ("PROCESSED", None)
    fetch_hls(video, client, tmp_path)
    assert _middle(tmp_path / "240p.mp4")[1] == pytest.approx(203, abs=3)


def test_a_rotated_video_is_shown_upright(process: Process) -> None:
    plain = clip(size="640x360")
    turned = folder() / "turned.mp4"
    data = bytearray(plain.read_bytes())
    # Rotate the display matrix in `tkhd` (ISO 14496-12, 8.3.2) by 90 degrees. It is patched here, because every version
    # of ffmpeg reads the matrix, but not every version writes it.
    unity = b"".join(n.to_bytes(4, "big") for n in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
    quarter = b"".join(n.to_bytes(4, "big") for n in (0, 0x10000, 0, 0xFFFF0000, 0, 0, 360 << 16, 0, 0x40000000))
    at = data.index(unity, data.index(b"tkhd"))
    data[at : at + 36] = quarter
    turned.write_bytes(data)

    video = process(turned)
    assert (video["status"], video["width"], video["height"]) == ("PROCESSED", 360, 640)


def test_an_audio_file_with_cover_art_is_processed_as_audio(process: Process) -> None:
    song = folder() / "covered.mp3"
    cover = folder() / "cover.png"
    ffmpeg("-f", "lavfi", "-i", "color=red:size=200x200", "-frames:v", "1", str(cover))
    ffmpeg("-i", str(clip("a.mp3", video=False)), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy", str(song))
    video = process(song)
    assert (video["status"], video["width"], video["poster_url"]) == ("PROCESSED", None, None)


def _distinct_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return len({bytes(frame.planes[0]) for frame in container.decode(video=0)})


def test_a_recording_without_duration_and_frame_rate_keeps_its_frames(
    process: Process, client: TestClient, tmp_path: Path
) -> None:
    """Browsers record such files: timestamps in milliseconds, no duration and no frame rate in the header."""
    live = clip("a.webm", "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-live", "1", seconds=4)
    video = process(live)
    assert (video["status"], video["duration_s"]) == ("PROCESSED", pytest.approx(4, abs=0.3))
    fetch_hls(video, client, tmp_path)
    assert _distinct_frames(tmp_path / "240p.mp4") > 80


def test_an_audio_file_of_variable_bitrate_is_not_reported_as_truncated(process: Process) -> None:
    for name in ("uneven.aac", "uneven.mp3"):
        song = folder() / name
        quiet_then_loud = "aevalsrc='if(lt(t,10),0,random(0)-0.5)':d=25"
        plain = ["-write_xing", "0", "-id3v2_version", "0", "-q:a", "2"] if name.endswith("mp3") else []
        ffmpeg("-f", "lavfi", "-i", quiet_then_loud, *plain, str(song))
        video = process(song)
        assert (video["status"], video["duration_s"]) == ("PROCESSED", pytest.approx(25, abs=0.5))


@pytest.mark.parametrize("ratio", ["1/50", "50/1"])
def test_an_extreme_aspect_ratio_is_refused_with_a_reason(process: Process, ratio: str) -> None:
    video = process(clip("a.mkv", "-vf", f"setsar={ratio}:max=2000", *H264))
    assert (video["status"], "aspect ratio" in video["error"]) == ("FAILED", True)


def test_a_very_low_frame_rate_is_processed(process: Process) -> None:
    video = process(clip("a.mkv", *H264, rate="1/5", seconds=20))
    assert video["status"] == "PROCESSED"


def test_unexpected_files_of_a_compromised_ffmpeg_are_not_published(
    process: Process, stored: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    compromised = tmp_path / "ffmpeg"
    compromised.write_text(
        f'#!/bin/sh\n{program.executable()} "$@" || exit $?\n'
        f"ln -sf {secret} poster.jpg; ln -sf {secret} master.m3u8; echo '<script>' > x.html\n"
    )
    compromised.chmod(0o755)
    settings = get_settings().model_copy(update={"ffmpeg": str(compromised), "sandbox": "off"})
    for module in ("conf.sandbox", "cms.videos.ffmpeg"):
        monkeypatch.setattr(f"{module}.get_settings", lambda: settings)
    sandbox_module.available.cache_clear()
    program.executable.cache_clear()
    try:
        process(clip(seconds=3))
    finally:
        sandbox_module.available.cache_clear()
        program.executable.cache_clear()
    assert secret.read_text() == "secret"
    names = {key.rpartition("/")[2] for key in stored()}
    assert "source.mp4" in names
    assert not names & {"poster.jpg", "x.html"}


def test_a_job_is_retried_if_the_disk_is_full(
    client: TestClient, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = make(client)
    client.post(f"{VIDEOS}{video['id']}/upload/", files={"file": clip().read_bytes()})
    settings = get_settings().model_copy(update={"disk_reserve_bytes": 2**60, "retry_base_s": 60})
    monkeypatch.setattr("conf.work.get_settings", lambda: settings)
    monkeypatch.setattr("conf._celery.task.get_settings", lambda: settings)
    run_jobs()
    job = client.get("/api/v1/jobs/", params={"name": "cms.videos.process"}).json()["items"][0]
    assert (job["status"], job["error"]) == ("queued", "There is not enough disk space for this file now.")


def _truncated(name: str, *options: str, keep: float) -> Path:
    whole = clip("whole.mp4", *H264, *options, size="640x480", seconds=20).read_bytes()
    path = folder() / name
    path.write_bytes(whole[: int(len(whole) * keep)])
    return path


def _patched_duration() -> Path:
    data = bytearray(clip().read_bytes())
    at = data.index(b"mvhd") + 4
    scale = int.from_bytes(data[at + 12 : at + 16], "big")
    data[at + 16 : at + 20] = (36_000 * scale).to_bytes(4, "big")
    path = folder() / "ten-hours.mp4"
    path.write_bytes(data)
    return path


def _patched_size() -> Path:
    data = bytearray(clip().read_bytes())
    at = data.index(b"avc1")
    data[at + 28 : at + 32] = (20_000).to_bytes(2, "big") * 2
    path = folder() / "claims-20000.mp4"
    path.write_bytes(data)
    return path


def _huge_frames() -> Path:
    path = folder() / "huge.mov"
    if not path.exists():
        source = ["-f", "lavfi", "-i", "color=red:size=10000x10000:rate=1", "-frames:v", "1"]
        ffmpeg(*source, "-c:v", "png", "-pred", "none", "-compression_level", "1", str(path))
    return path


def _impossible_frames() -> Path:
    """Return a Motion JPEG file whose container and frames declare a size of 20000×20000 pixels."""
    data = bytearray(clip("small.mov", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", audio=False).read_bytes())
    size = (20_000).to_bytes(2, "big") * 2
    at = data.find(b"\xff\xc0\x00\x11\x08")
    while at >= 0:
        data[at + 5 : at + 9] = size
        at = data.find(b"\xff\xc0\x00\x11\x08", at + 1)
    entry = data.index(b"jpeg", data.index(b"stsd"))
    data[entry + 28 : entry + 32] = size
    path = folder() / "impossible.mov"
    path.write_bytes(data)
    return path


def _renamed(path: Path, codec: bytes, to: bytes) -> Path:
    """Return a copy whose container declares another codec."""
    renamed = folder() / f"{to.decode()}{path.suffix}"
    renamed.write_bytes(path.read_bytes().replace(codec, to))
    return renamed


def _disguised(text: str) -> Path:
    """Return a file with this text after the first bytes of an MP4."""
    path = folder() / f"{abs(hash(text))}.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + text.encode())
    return path


def _garbage() -> Path:
    path = folder() / "garbage.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(range(256)) * 4000)
    return path


BAD: dict[str, tuple[Callable[[], Path], str]] = {
    "truncated, index lost": (lambda: _truncated("cut.mp4", keep=0.5), "cannot be read"),
    "truncated, index kept": (lambda: _truncated("cut2.mp4", "-movflags", "+faststart", keep=0.5), "truncated"),
    "garbage": (_garbage, "cannot be read"),
    "claims ten hours": (_patched_duration, "10.0 hours"),
    "frames of 10000 pixels": (_huge_frames, "10000×10000"),
    "frames of 20000 pixels": (_impossible_frames, "cannot be read"),
    "playlist in disguise": (lambda: _disguised("\n#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n"), "cannot be read"),
    "nothing inside": (lambda: _disguised(""), "cannot be read"),
    "a video codec that is not accepted": (
        lambda: _renamed(clip("a.mov", "-c:v", "prores_ks", audio=False), b"apch", b"aprn"),
        "The video codec prores_raw cannot be decoded.",
    ),
    "a codec without a decoder": (
        lambda: _renamed(clip(), b"avc1", b"avs3"),
        "The video codec avs3 cannot be decoded.",
    ),
    "an unknown codec": (lambda: _renamed(clip(), b"avc1", b"zzzz"), "The video codec zzzz cannot be decoded."),
    "a video codec without its pixel format": (
        lambda: clip("a.mkv", "-c:v", "qtrle", seconds=0.5),
        "The video codec qtrle cannot be decoded.",
    ),
    "an audio codec that is not accepted": (
        lambda: clip("a.mkv", *H264, "-c:a", "g722", "-ar", "16000", "-ac", "1"),
        "The audio codec g722 cannot be decoded.",
    ),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.timeout(60)
def test_a_bad_file_fails_with_a_clear_reason(
    kind: str, process: Process, stored: Callable[[], list[str]], work: Callable[[], list[Path]]
) -> None:
    make_file, reason = BAD[kind]
    video = process(make_file())
    assert video["status"] == "FAILED"
    assert reason in video["error"]
    assert video["hls_url"] is None
    assert [key.rpartition("/")[2] for key in stored()] == [f"source.{make_file().suffix[1:]}"]
    assert work() == []


def test_a_wrong_frame_size_in_the_header_does_no_harm(process: Process, stored: Callable[[], list[str]]) -> None:
    video = process(_patched_size())
    assert video["status"] in ("PROCESSED", "FAILED")
    assert video["status"] == "PROCESSED" or len(stored()) == 1


def test_a_playlist_in_an_upload_cannot_open_other_files(process: Process, tmp_path: Path) -> None:
    """With other demuxers ffmpeg would open the local file that these playlists refer to."""
    secret = tmp_path / "secret.ts"
    shutil.copy(clip("a.ts", *H264), secret)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    for text in (playlist, f"ffconcat version 1.0\nfile {secret}\n"):
        source = program.Source(_write(text), "mov", 2.0, None, 0)
        for demuxer in ("mov", "matroska", "mpegts", "hls", "concat", "dash", "sdp"):
            with pytest.raises(Invalid):
                program.run(
                    ["-map", "0", "-c", "copy", "-f", "null", "-"],
                    source=program.Source(source.path, demuxer, 2.0, None, 0),
                    work=tmp_path,
                    limit_s=10,
                    tick=lambda _: None,
                )
    assert process(_disguised(playlist))["status"] == "FAILED"


def _write(text: str) -> Path:
    path = folder() / f"{abs(hash(text))}.playlist"
    path.write_text(text)
    return path


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_processing_works_with_the_ffmpeg_of_the_wheel_and_without_a_sandbox(
    sandbox: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    import imageio_ffmpeg

    settings = get_settings().model_copy(update={"ffmpeg": imageio_ffmpeg.get_ffmpeg_exe(), "sandbox": sandbox})
    for module in ("conf.sandbox", "cms.videos.ffmpeg"):
        monkeypatch.setattr(f"{module}.get_settings", lambda: settings)
    sandbox_module.available.cache_clear()
    program.executable.cache_clear()
    try:
        assert process(clip(seconds=3))["status"] == "PROCESSED"
    finally:
        sandbox_module.available.cache_clear()
        program.executable.cache_clear()
