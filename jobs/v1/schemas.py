"""What v1 says of a job. Its arguments stay inside."""

import datetime as dt
from typing import Annotated

from pydantic import Field

from conf._celery.models import JobStatus
from conf.http.schemas import Filter, Output


class JobFilter(Filter):
    status: JobStatus | None = None
    name: Annotated[str | None, Field(max_length=100)] = None


class Job(Output):
    id: int
    name: str = Field(description="What is done: `cms.videos.process`.")
    status: JobStatus
    progress: int = Field(description="Percent.")
    error: str | None = Field(description="Why the last attempt failed.")
    attempt: int
    max_attempts: int
    cancel_requested: bool
    run_after: dt.datetime = Field(description="Not begun before.")
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
