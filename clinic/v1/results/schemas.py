"""What v1 accepts and returns about results."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from clinic.results.models import ResultStatus
from conf.http.schemas import Input, Output

Title = Annotated[str, StringConstraints(max_length=200)]


class Result(Output):
    id: int
    booking_id: int
    status: ResultStatus
    error: str | None = Field(description="Why it was refused.")
    job_id: int | None = Field(description="The job that checks it: `/api/v1/jobs/{job_id}/`, for who uploaded it.")
    title: str
    media_type: str
    size_bytes: int
    pages: int | None = Field(description="Null until it has been checked.")
    created_at: dt.datetime
    updated_at: dt.datetime


class LinkWanted(Input):
    preview: bool = Field(False, description="A JPEG of the first page, in place of the file.")


class ResultLink(Output):
    url: str
    expires_at: dt.datetime
