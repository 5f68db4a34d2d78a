"""Transcode an uploaded file to a folder of HLS files. This module uses neither the database nor the file storage."""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from cms.videos import containers, ffmpeg, ladder, playlist, workload
from conf.errors import Invalid
from conf.work import need_disk

log = structlog.get_logger(__name__)

POSTER_AT = 0.1
"""Position of the poster frame, as a fraction of the duration. The first frame is often black."""
BASE_LIMIT_S, LIMIT_FACTOR = 120, 30
"""The time limit of ffmpeg is `BASE_LIMIT_S` plus `LIMIT_FACTOR` times the duration.

The slowest machine needs a third of it.
"""


@dataclass(frozen=True)
class Result:
    """The properties of the video, and names of files in the folder."""

    duration_s: float
    width: int | None
    height: int | None
    """`width` and `height` are the display size in pixels; None for audio files."""
    renditions: list[ladder.Rendition]
    poster: str | None
    """Name of the poster image, if there is one."""
    master: str
    """Name of the master playlist."""


def transcode(source_path: Path, folder: Path, *, progress: Callable[[float], None]) -> Result:
    """Write the poster image, the renditions and their playlists to the empty `folder`.

    `progress` is called with a percentage. It may raise an exception to stop the work.

    Raises: Invalid, if the file cannot be played, with a reason for the user; Unavailable, if the disk is full or
    ffmpeg was killed.
    """
    container = containers.container_of(source_path)
    source = ffmpeg.probe(source_path, demuxer=container.demuxer, work=folder)
    workload.assert_small(source)
    limit_s = BASE_LIMIT_S + LIMIT_FACTOR * source.duration_s
    poster = _poster(source, folder, progress) if source.picture else None

    def tick(seconds: float) -> None:
        progress(100 * seconds / source.duration_s if source.duration_s else 0)

    need_disk(ladder.max_output_bytes(source))
    ffmpeg.run(ladder.options(source), source=source, work=folder, limit_s=limit_s, tick=tick)
    _keep_only(folder, ladder.file_names(source))
    renditions = ladder.renditions(source.picture) if source.picture else []
    duration_s = playlist.write_master(folder, renditions)
    if duration_s < 0.9 * source.duration_s - 1:
        raise Invalid(
            f"The file is truncated or damaged: only {duration_s:.0f} of its {source.duration_s:.0f} seconds"
            " can be played."
        )
    picture = source.picture
    return Result(
        duration_s=round(duration_s, 3),
        width=picture.width if picture else None,
        height=picture.height if picture else None,
        renditions=renditions,
        poster=poster,
        master=playlist.MASTER,
    )


def _poster(source: ffmpeg.Source, folder: Path, progress: Callable[[float], None]) -> str | None:
    """Write the poster image and return its name; None if no frame can be decoded, which is not an error."""
    assert source.picture is not None
    for seek_s in (source.duration_s * POSTER_AT, 0):
        try:
            ffmpeg.run(
                ladder.poster_options(source.picture),
                source=source,
                seek_s=seek_s,
                work=folder,
                limit_s=60,
                tick=lambda _: progress(0),
            )
        except Invalid:
            continue
        if (folder / ladder.POSTER).exists():
            return ladder.POSTER
    return None


def _keep_only(folder: Path, names: set[str]) -> None:
    """Remove everything but regular files with these names.

    An attacker who controls ffmpeg could have written a symbolic link or an HTML page.
    """
    for path in folder.iterdir():
        if path.name not in names or not stat.S_ISREG(path.lstat().st_mode):
            log.warning("removed an unexpected file from the output of ffmpeg", name=path.name)
            path.unlink()
