"""What v2 of the video library accepts and returns."""

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
    Field(max_length=20, description="Your own words for it, in lower case; each once."),
]
ShareKey = Annotated[str, StringConstraints(max_length=32)]


class VideoCreate(Input):
    title: rules.Title
    description: rules.Description = ""
    tags: Tags = Field(default_factory=list)
    visibility: Visibility = Visibility.PUBLIC


class VideoUpdate(Changes):
    """Only the fields that are given change; none can be null."""

    title: rules.Title = UNSET
    description: rules.Description = UNSET
    tags: Tags = UNSET
    visibility: Visibility = UNSET


class Rendition(Output):
    """One of the sizes that a player chooses from."""

    name: str = Field(description="`720p`")
    width: int
    height: int
    kbps: int = Field(description="Of the picture, at most.")


class Playback(Output):
    """Links work for hours; then ask for the video again."""

    hls_url: Link = Field(validation_alias="hls_key", description="HLS master playlist.")
    poster_url: Link = Field(validation_alias="poster_key", description="JPEG. Null: there is no picture.")
    duration_s: float
    width: int | None = Field(description="Pixels as shown. Null: sound alone.")
    height: int | None


class Video(Output):
    id: int
    owner_id: int | None = Field(description="Null: the owner's account is gone.")
    title: str
    description: str
    tags: list[str]
    visibility: Visibility
    share_key: str | None = Field(description="Of an unlisted video, for those who may change it: see `key`.")
    source_url: Link = Field(validation_alias="source_key", description="The original; a link that works for hours.")
    status: Status
    error: str | None = Field(description="Why processing failed.")
    job_id: int | None = Field(description="The job that processes the file: `/api/v1/jobs/{job_id}/`.")
    playback: Playback | None = Field(description="Null until it has been processed.")
    renditions: list[Rendition] = Field(description="The largest first.")
    created_at: dt.datetime
    updated_at: dt.datetime


def shown(video: Row[Any] | VideoRow, *, to: Identity | None) -> dict[str, Any]:
    """What `Video` is made of, as that viewer may see it."""
    fields = {name: getattr(video, name) for name in _COLUMNS}
    fields["visibility"] = helpers.visibility_of(video)
    if not helpers.is_theirs(video, to):
        fields["share_key"] = None
    fields["playback"] = fields if video.hls_key else None
    return fields


_COLUMNS = VideoRow.__table__.columns.keys()
