"""Two sample videos, moving and with sound, made here by ffmpeg and put through the real pipeline."""

import subprocess
import tempfile
from pathlib import Path

from rich.console import Console

from cms.client import ClientError, SignIn, send
from cms.videos.ffmpeg import executable
from iam.demo import email_of, password_of
from iam.roles import Role

SECONDS = 8
SAMPLES = {
    "Test card": ("testsrc2=size=1280x720:rate=25", "sine=frequency=330:beep_factor=4"),
    "Mandelbrot set": (
        "mandelbrot=size=1280x720:rate=25:maxiter=400",
        "aevalsrc='0.2*sin(2*PI*t*(220+40*floor(mod(t*2,8))))'",
    ),
}


def demonstrate(url: str, console: Console) -> None:
    """Make and upload the samples, as the demo teacher of `make run`; tell where they play. ClientError."""
    account = SignIn(url=url, email=email_of(Role.TEACHER), password=password_of(Role.TEACHER))
    with tempfile.TemporaryDirectory(prefix="campus-demo-") as folder:
        for title, (picture, sound) in SAMPLES.items():
            file = Path(folder) / f"{title.lower().replace(' ', '-')}.mp4"
            _make(file, picture=picture, sound=sound)
            console.print(
                f"  {title}: {send(file, url=url, account=account, title=title, console=console)}", soft_wrap=True
            )
    console.print(f"  Watch them at {url}/watch/\n", soft_wrap=True)


def _make(file: Path, *, picture: str, sound: str) -> None:
    command = [
        *(str(executable()), "-nostdin", "-v", "error", "-y"),
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-t", str(SECONDS)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(file)),
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise ClientError(f"ffmpeg cannot make the sample: {made.stderr.strip()[-200:]}")
