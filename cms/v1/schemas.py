"""Request and response schemas of version 1 of the video API."""

import datetime as dt

from pydantic import Field

from cms.videos import rules
from cms.videos.models import Status
from conf.http.media import Link
from conf.http.schemas import UNSET, Changes, Input, Output


class VideoCreate(Input):
    """A new video. Its file is uploaded separately."""

    title: rules.Title
    description: rules.Description = ""
    is_active: bool = Field(
        default=True, description="Whether everyone can see the video. If false, only the owner and admins can."
    )


class VideoUpdate(Changes):
    """The fields of a video to change. Fields that are absent keep their values; no field can be null."""

    title: rules.Title = UNSET
    description: rules.Description = UNSET
    is_active: bool = Field(
        default=UNSET,
        description="True makes the video public. False makes a public video private; it leaves a video that is"
        " unlisted in v2 unlisted.",
    )


class Video(Output):
    """A video. Its links expire after 6 to 12 hours; request the video again for new ones."""

    id: int
    owner_id: int | None = Field(description="Id of the owner; null if the owner's account was deleted.")
    title: str = Field(examples=["Linear algebra, lecture 1: vector spaces"])
    description: str = Field(examples=["Vector spaces, subspaces and bases."])
    is_active: bool = Field(description="Whether everyone can see the video.")
    file: Link = Field(
        validation_alias="source_key",
        description="Link to the original file, as it was uploaded; null before the first upload.",
        examples=["https://campus.example/media/69212a00-kP3nVb0QyXw7RzLs5TfHc2Ja/videos/7/3f9c2ab81d04/source.mp4"],
    )
    status: Status
    error: str | None = Field(
        description="Reason why processing failed; null if `status` is not `FAILED`.",
        examples=["The file is truncated or damaged: only 12 of its 60 seconds can be played."],
    )
    duration_s: float | None = Field(
        description="Playable length in seconds; null until the file is processed.", examples=[63.2]
    )
    width: int | None = Field(
        description="Display width in pixels, after rotation and with square pixels; null for an audio file, and until"
        " the file is processed.",
        examples=[1920],
    )
    height: int | None = Field(description="Display height in pixels; null like `width`.", examples=[1080])
    poster_url: Link = Field(
        validation_alias="poster_key",
        description="Link to the poster image, a JPEG; null if there is none, as for an audio file, and until the file"
        " is processed.",
        examples=["https://campus.example/media/69212a00-Wd8sMq1NzEu4YvKo6BgRt9Li/videos/7/31.1/poster.jpg"],
    )
    hls_url: Link = Field(
        validation_alias="hls_key",
        description="Link to the HLS master playlist; null until the file is processed.",
        examples=["https://campus.example/media/69212a00-Wd8sMq1NzEu4YvKo6BgRt9Li/videos/7/31.1/master.m3u8"],
    )
    job_id: int | None = Field(
        description="Id of the job that processes the current file: see `GET /api/v1/jobs/{job_id}/`. Null before the"
        " first upload, and once the job's record is deleted."
    )
    created_at: dt.datetime
    updated_at: dt.datetime
