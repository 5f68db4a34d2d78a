"""Requests and responses of v1. The arguments of a job are internal and not shown."""

import datetime as dt
from typing import Annotated

from pydantic import Field

from conf._celery.models import JobStatus
from conf.http.schemas import Filter, Output


class JobFilter(Filter):
    """Filters of the list of jobs. A job must match all that are given."""

    status: Annotated[JobStatus | None, Field(description="Only jobs with this status.")] = None
    name: Annotated[
        str | None,
        Field(max_length=100, description="Only jobs with this exact name.", examples=["cms.videos.process"]),
    ] = None


class Job(Output):
    """A background job, such as the processing of an uploaded video."""

    id: int
    name: str = Field(description="Name of the task: `<resource>.<group>.<action>`.", examples=["cms.videos.process"])
    status: JobStatus
    progress: int = Field(description="Progress of the current attempt in percent, from 0 to 100.", examples=[40])
    error: str | None = Field(
        description="Why the last attempt failed; null if it did not fail.", examples=["The file cannot be read."]
    )
    attempt: int = Field(description="Number of the current or last attempt; 0 before the first.", examples=[1])
    max_attempts: int = Field(description="Number of the attempt after which a failure is final.", examples=[5])
    cancel_requested: bool = Field(description="Whether cancellation was requested. A running job ends within seconds.")
    run_after: dt.datetime = Field(description="Earliest start of the next attempt.")
    created_at: dt.datetime
    started_at: dt.datetime | None = Field(description="Start of the current or last attempt; null before the first.")
    finished_at: dt.datetime | None = Field(description="When the job ended; null if it has not.")
