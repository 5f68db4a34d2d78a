"""How much work it is to process a file: the limit, and the estimate of the time.

The work is the number of pixels of all frames (width × height × frame rate × duration), since encoding takes nearly the
same time for each. The sound adds a little.
"""

from pathlib import Path

from sqlalchemy.orm import Session

from cms.videos import containers, crud, ffmpeg, ladder
from conf.errors import Invalid, Unavailable
from conf.settings import get_settings

SOUND_PIXELS = 1_000_000
"""Work of one second of sound."""
FIRST_SPEED = 40_000_000
"""Pixels per second before any video has been processed: two older cores."""
PROBE_S = 10
"""Time limit of the probe at the upload."""


def pixels_of(source: ffmpeg.Source) -> int:
    """Return the work of processing the file."""
    picture = source.picture
    per_second = picture.width * picture.height * ladder.frame_rate(picture.rate) if picture else 0
    return int((per_second + SOUND_PIXELS) * max(1.0, source.duration_s))


def assert_small(source: ffmpeg.Source) -> int:
    """Check that the work does not exceed `VIDEO_MAX_PIXELS`, and return it. Raises: Invalid."""
    work, limit = pixels_of(source), get_settings().video_max_pixels
    if work > limit:
        picture = source.picture
        size = f"{picture.width}×{picture.height} at {float(picture.rate):.0f} frames/s" if picture else "its sound"
        allowed_h = limit / work * source.duration_s / 3600
        raise Invalid(
            f"The file is too long for its size: {source.duration_s / 3600:.1f} hours of {size}. At this size, it may"
            f" last {allowed_h:.1f} hours. Export it with a smaller frame or a lower frame rate, or in parts.",
            field="file",
        )
    return work


def measure(path: Path) -> int | None:
    """Return the work of processing an uploaded file; None, if it cannot be told quickly: its job gives the reason.

    Raises: Invalid, if it is too much.
    """
    folder = path.with_name("probe")
    folder.mkdir()
    try:
        demuxer = containers.container_of(path).demuxer
        source = ffmpeg.probe(path, demuxer=demuxer, work=folder, limit_s=PROBE_S)
    except (Invalid, Unavailable):
        return None
    return assert_small(source)


def estimate_s(db: Session, *, work: int) -> int:
    """Return the seconds that processing will take, by the speed at which the last videos were processed."""
    return max(1, round(work / (crud.processing_speed(db) or FIRST_SPEED)))
