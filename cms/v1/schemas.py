"""What v1 of the video library accepts and returns."""

import datetime as dt

from pydantic import Field

from cms.videos import rules
from cms.videos.models import Status
from conf.http.media import Link
from conf.http.schemas import UNSET, Changes, Input, Output


class VideoCreate(Input):
    title: rules.Title
    description: rules.Description = ""
    is_active: bool = True


class VideoUpdate(Changes):
    """Only the fields that are given change; none can be null."""

    title: rules.Title = UNSET
    description: rules.Description = UNSET
    is_active: bool = UNSET


class Video(Output):
    id: int
    owner_id: int | None = Field(description="Null: the owner's account is gone.")
    title: str
    description: str
    is_active: bool
    file: Link = Field(validation_alias="source_key", description="The original; a link that works for hours.")
    status: Status
    error: str | None = Field(description="Why processing failed.")
    duration_s: float | None
    width: int | None
    height: int | None
    poster_url: Link = Field(validation_alias="poster_key")
    hls_url: Link = Field(validation_alias="hls_key", description="HLS master playlist.")
    job_id: int | None = Field(description="The job that processes the file: `/api/v1/jobs/{job_id}/`.")
    created_at: dt.datetime
    updated_at: dt.datetime
