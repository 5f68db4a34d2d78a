"""Small real files, made by ffmpeg once a session."""

import functools
import subprocess
import tempfile
from pathlib import Path

PICTURE = "testsrc2=size={size}:rate={rate}:duration={seconds}"
SOUND = "sine=frequency=440:duration={seconds}"
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


@functools.cache
def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="campus-clips-"))


def ffmpeg(*arguments: str) -> None:
    from cms.videos.ffmpeg import executable

    command = [str(executable()), "-nostdin", "-v", "error", "-y", *arguments]
    made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder())
    assert made.returncode == 0, made.stderr


@functools.cache
def clip(
    name: str = "clip.mp4",
    *options: str,
    size: str = "320x240",
    rate: str = "25",
    seconds: float = 2,
    picture: bool = True,
    sound: bool = True,
) -> Path:
    """A moving test card with a tone, unless said otherwise; `options` are ffmpeg's for the output."""
    path = folder() / f"{abs(hash((options, size, rate, seconds, picture, sound)))}-{name}"
    inputs = []
    if picture:
        inputs += ["-f", "lavfi", "-i", PICTURE.format(size=size, rate=rate, seconds=seconds)]
    if sound:
        inputs += ["-f", "lavfi", "-i", SOUND.format(seconds=seconds)]
    ffmpeg(*inputs, *(options or (H264 if picture else ())), str(path))
    return path
