"""Request and response schemas of version 2 of the video API."""

import datetime as dt
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from sqlalchemy import Row

from cms.videos import helpers, rules
from cms.videos.models import Status, Visibility
from cms.videos.models import Video as VideoRow
from conf.http.media import Link
from conf.http.schemas import UNSET, Changes, Input, Output
from iam.roles import Identity

Tags = Annotated[
    list[rules.Tag],
    AfterValidator(lambda tags: list(dict.fromkeys(tags))),
    Field(
        max_length=20,
        description="Keywords of the owner's choice, at most 20, stored in lower case without duplicates.",
        examples=[["algebra", "first year"]],
    ),
]
ShareKey = Annotated[str, StringConstraints(max_length=32), Field(examples=["q0V5mS8eJ2nXw4RkT7uYbA"])]


class VideoCreate(Input):
    """A new video. Its file is uploaded separately."""

    title: rules.Title
    description: rules.Description = ""
    tags: Tags = Field(default_factory=list)
    visibility: Visibility = Visibility.PUBLIC


class VideoUpdate(Changes):
    """The fields of a video to change. Fields that are absent keep their values; no field can be null."""

    title: rules.Title = UNSET
    description: rules.Description = UNSET
    tags: Tags = UNSET
    visibility: Visibility = UNSET


class Rendition(Output):
    """One encoding of the video in the bitrate ladder. Players switch between renditions while they play."""

    name: str = Field(description="The shorter side in pixels, followed by `p`.", examples=["720p"])
    width: int = Field(description="Width in pixels.", examples=[1280])
    height: int = Field(description="Height in pixels.", examples=[720])
    kbps: int = Field(description="Maximum bitrate of the video stream in kbit/s, without audio.", examples=[2800])


class Playback(Output):
    """What a player needs. Links expire after 6 to 12 hours; request the video again for new ones."""

    hls_url: Link = Field(
        validation_alias="hls_key",
        description="Link to the HLS master playlist. Never null.",
        examples=["https://campus.example/media/69212a00-Wd8sMq1NzEu4YvKo6BgRt9Li/videos/7/31.1/master.m3u8"],
    )
    poster_url: Link = Field(
        validation_alias="poster_key",
        description="Link to the poster image, a JPEG; null if there is none, as for an audio file.",
        examples=["https://campus.example/media/69212a00-Wd8sMq1NzEu4YvKo6BgRt9Li/videos/7/31.1/poster.jpg"],
    )
    duration_s: float = Field(description="Playable length in seconds.", examples=[63.2])
    width: int | None = Field(
        description="Display width in pixels, after rotation and with square pixels; null for an audio file.",
        examples=[1920],
    )
    height: int | None = Field(description="Display height in pixels; null for an audio file.", examples=[1080])


class Video(Output):
    """A video, with the state of its processing and what a player needs."""

    id: int
    owner_id: int | None = Field(description="Id of the owner; null if the owner's account was deleted.")
    title: str = Field(examples=["Linear algebra, lecture 1: vector spaces"])
    description: str = Field(examples=["Vector spaces, subspaces and bases."])
    tags: list[str] = Field(description="Keywords in lower case.", examples=[["algebra", "first year"]])
    visibility: Visibility
    share_key: str | None = Field(
        description="Key of an unlisted video: whoever sends it as the parameter `key` can see the video. Null if the"
        " video is not unlisted, or the caller is neither its owner nor an admin. A video that becomes unlisted again"
        " gets a new key.",
        examples=["q0V5mS8eJ2nXw4RkT7uYbA"],
    )
    source_url: Link = Field(
        validation_alias="source_key",
        description="Link to the original file, as it was uploaded; expires after 6 to 12 hours. Null before the first"
        " upload.",
        examples=["https://campus.example/media/69212a00-kP3nVb0QyXw7RzLs5TfHc2Ja/videos/7/3f9c2ab81d04/source.mp4"],
    )
    status: Status
    error: str | None = Field(
        description="Reason why processing failed; null if `status` is not `FAILED`.",
        examples=["The file is truncated or damaged: only 12 of its 60 seconds can be played."],
    )
    job_id: int | None = Field(
        description="Id of the job that processes the current file: see `GET /api/v1/jobs/{job_id}/`. Null before the"
        " first upload, and once the job's record is deleted."
    )
    estimate_s: int | None = Field(
        description="Estimated seconds of processing, without the time in the queue; null before the first upload, and"
        " if the file could not be examined at the upload.",
        examples=[240],
    )
    playback: Playback | None = Field(description="Null until the file is processed.")
    renditions: list[Rendition] = Field(
        description="Renditions, largest first; empty for an audio file, and until the file is processed."
    )
    created_at: dt.datetime
    updated_at: dt.datetime


def visible_fields(video: Row[Any] | VideoRow, *, viewer: Identity | None) -> dict[str, Any]:
    """Return the values of a `Video` for that viewer. Only those who may change the video get its `share_key`."""
    fields = {name: getattr(video, name) for name in _COLUMNS}
    fields["visibility"] = helpers.visibility_of(video)
    if not helpers.is_owner_or_admin(video, viewer):
        fields["share_key"] = None
    fields["playback"] = fields if video.hls_key else None
    return fields


_COLUMNS = VideoRow.__table__.columns.keys()
