"""Request and response schemas of results in v1."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from clinic.results.models import ResultStatus
from conf.http.schemas import Input, Output

Title = Annotated[str, StringConstraints(max_length=200)]


class Result(Output):
    """A file with the result of a diagnostic."""

    id: int
    booking_id: int
    status: ResultStatus = Field(
        description=(
            "`checking`: the file is being checked. `ready`: the patient can download it. `refused`: the file could not"
            " be checked, and was deleted."
        )
    )
    error: str | None = Field(
        description="Reason why the file was refused. Null for any other status.",
        examples=["The PDF needs a password."],
    )
    job_id: int | None = Field(
        description=(
            "ID of the job that checks the file: `GET /api/v1/jobs/{job_id}/`, for the staff member who uploaded it."
        )
    )
    title: str = Field(description="Title for the patient. Empty if none was given.", examples=["Blood count"])
    media_type: str = Field(
        description="`application/pdf`, `image/jpeg`, `image/png` or `image/webp`.", examples=["application/pdf"]
    )
    size_bytes: int = Field(description="Size of the file in bytes.", examples=[184320])
    pages: int | None = Field(
        description="Number of pages; 1 for a picture. Null until the file has been checked.", examples=[2]
    )
    created_at: dt.datetime
    updated_at: dt.datetime


class LinkWanted(Input):
    preview: bool = Field(False, description="Whether to link to a JPEG of the first page instead of the file.")


class ResultLink(Output):
    """A temporary link to a result. It needs no sign-in."""

    url: str = Field(
        description="URL of the file or of its preview. Whoever has it can download the file until `expires_at`.",
        examples=["https://campus.example/api/v1/results/4/file/?grant=0.12.1767225600.q3VtZl1XcW9sT0hYbmR5a2pQ"],
    )
    expires_at: dt.datetime = Field(description="Time when the link expires, five minutes after it was created.")
