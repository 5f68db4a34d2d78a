"""From an uploaded file to the folder that players read. Knows no database and no storage."""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from cms.videos import containers, ffmpeg, ladder, playlist
from conf.errors import Invalid
from conf.work import need_disk

log = structlog.get_logger(__name__)

POSTER_AT = 0.1
"""Of the duration: the first frame is often black."""
BASE_LIMIT_S, LIMIT_FACTOR = 120, 30
"""The time ffmpeg gets: so long, and so many times the duration. The slowest machine needs a third of it."""


@dataclass(frozen=True)
class Result:
    duration_s: float
    width: int | None
    height: int | None
    """Pixels as shown; None for sound alone."""
    renditions: list[ladder.Rendition]
    poster: str | None
    master: str
    """File names in the folder."""


def transcode(source_path: Path, folder: Path, *, progress: Callable[[float], None]) -> Result:
    """Write poster, renditions and playlists into the empty `folder`.

    `progress` is called with percent, and may raise to stop the work. Invalid, with the reason for a person, for a file
    that cannot be played.
    """
    container = containers.container_of(source_path)
    source = ffmpeg.probe(source_path, demuxer=container.demuxer, work=folder)
    limit_s = BASE_LIMIT_S + LIMIT_FACTOR * source.duration_s
    poster = _poster(source, folder, progress) if source.picture else None

    def tick(seconds: float) -> None:
        progress(100 * seconds / source.duration_s if source.duration_s else 0)

    need_disk(ladder.most_bytes(source))
    ffmpeg.run(ladder.options(source), source=source, work=folder, limit_s=limit_s, tick=tick)
    _keep_only(folder, ladder.file_names(source))
    made = ladder.renditions(source.picture) if source.picture else []
    played_s = playlist.write_master(folder, made)
    if played_s < 0.9 * source.duration_s - 1:
        raise Invalid(
            f"The file is cut off or damaged: only {played_s:.0f} of its {source.duration_s:.0f} seconds can be played."
        )
    picture = source.picture
    return Result(
        duration_s=round(played_s, 3),
        width=picture.width if picture else None,
        height=picture.height if picture else None,
        renditions=made,
        poster=poster,
        master=playlist.MASTER,
    )


def _poster(source: ffmpeg.Source, folder: Path, progress: Callable[[float], None]) -> str | None:
    """One frame as a picture; None where none can be had, which alone is no reason to refuse the file."""
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
    """Remove what is no plain file of ours: whoever took over ffmpeg could have left a link, or a page."""
    for path in folder.iterdir():
        if path.name not in names or not stat.S_ISREG(path.lstat().st_mode):
            log.warning("ffmpeg left something else", name=path.name)
            path.unlink()
