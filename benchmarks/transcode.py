"""The complete processing of one video by a job, compared with plain runs of ffmpeg with the same outputs."""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from benchmarks.measure import Result, campus, median_ratio

SECONDS = 30
ROUNDS = 3


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus") as system:
        os.environ.update(system.environment)
        from cms.videos import ladder
        from cms.videos.ffmpeg import Picture, Source, executable

        clip = Path(folder) / "clip.mp4"
        make = ["-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=25:d={SECONDS}", "-f", "lavfi", "-i", f"sine=d={SECONDS}"]
        noise = ["-vf", "noise=alls=12:allf=t", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
        subprocess.run([executable(), "-v", "error", *make, *noise, clip], check=True)
        picture = Picture(0, 1280, 720, Fraction(25), interlaced=False, hdr=None)
        source = Source(clip, "mov", SECONDS, picture, 1)
        poster = ladder.poster_options(picture)
        one_run = [["-i", str(clip), *ladder.options(source), *poster]]
        each = [
            *(["-i", str(clip), *_alone(rendition)] for rendition in ladder.renditions(picture)),
            ["-i", str(clip), "-map", "0:1", "-c:a", "aac", "-b:a", "128k", "audio.mp4"],
            ["-i", str(clip), *poster],
        ]
        times: dict[str, list[float]] = {"Campus": [], "one ffmpeg run": [], "one run per output": []}
        for _ in range(ROUNDS):
            times["Campus"].append(_process(system.client, clip))
            times["one ffmpeg run"].append(_bare(executable(), one_run))
            times["one run per output"].append(_bare(executable(), each))
        return [
            *(Result(name, statistics.median(times[name]), unit="s") for name in times),
            Result("Campus / one ffmpeg run", median_ratio(times["Campus"], times["one ffmpeg run"]), high=1.10),
            Result("Campus / one run per output", median_ratio(times["Campus"], times["one run per output"]), high=1),
        ]


def _alone(rendition: object) -> list[str]:
    """Return simple ffmpeg options for one rendition."""
    from cms.videos.ladder import Rendition

    assert isinstance(rendition, Rendition)
    return [
        *(
            "-map",
            "0:0",
            "-vf",
            f"scale={rendition.width}:{rendition.height}",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
        ),
        *(
            "-crf",
            "23",
            "-maxrate",
            f"{rendition.kbps}k",
            "-bufsize",
            f"{2 * rendition.kbps}k",
            f"{rendition.name}.mp4",
        ),
    ]


def _process(client: object, clip: Path) -> float:
    """Return the seconds from the claim to the last commit of the job, which runs in this process."""
    import httpx

    assert isinstance(client, httpx.Client)
    from conf._celery.enqueue import task_of

    video = client.post("/api/v1/videos/", json={"title": "x"}).json()
    with clip.open("rb") as file:
        video = client.post(f"/api/v1/videos/{video['id']}/upload/", files={"file": file}).json()
    task = task_of("cms.videos.process")
    begun = time.perf_counter()
    task(video["job_id"])
    seconds = time.perf_counter() - begun
    assert client.get(f"/api/v1/videos/{video['id']}/").json()["status"] == "PROCESSED"
    return seconds


def _bare(program: Path, runs: list[list[str]]) -> float:
    """Return the seconds of the ffmpeg runs."""
    folder = Path(tempfile.mkdtemp())
    try:
        begun = time.perf_counter()
        for options in runs:
            subprocess.run([program, "-nostdin", "-v", "error", "-y", *options], cwd=folder, check=True)
        return time.perf_counter() - begun
    finally:
        shutil.rmtree(folder)
