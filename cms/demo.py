"""Two sample videos with audio. ffmpeg generates them, and the real pipeline processes them."""

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
"""Title, and the sources of the video and the audio stream for ffmpeg's `lavfi` input."""


def demonstrate(url: str, console: Console) -> None:
    """Upload the samples as the demo teacher of `make run`, and print their playback URLs. Raises: ClientError."""
    account = SignIn(url=url, email=email_of(Role.TEACHER), password=password_of(Role.TEACHER))
    with tempfile.TemporaryDirectory(prefix="campus-demo-") as folder:
        for title, (video, audio) in SAMPLES.items():
            file = Path(folder) / f"{title.lower().replace(' ', '-')}.mp4"
            _generate(file, video=video, audio=audio)
            console.print(
                f"  {title}: {send(file, url=url, account=account, title=title, console=console)}", soft_wrap=True
            )
    console.print(f"  Watch them at {url}/watch/\n", soft_wrap=True)


def _generate(file: Path, *, video: str, audio: str) -> None:
    command = [
        *(str(executable()), "-nostdin", "-v", "error", "-y"),
        *("-f", "lavfi", "-i", video, "-f", "lavfi", "-i", audio, "-t", str(SECONDS)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(file)),
    ]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise ClientError(f"ffmpeg could not generate the sample video: {completed.stderr.strip()[-200:]}")
