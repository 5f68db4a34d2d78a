"""What v1 says of the audit trail."""

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from conf.http.schemas import Filter, Output
from conf.values import MAX_ID


class AuditFilter(Filter):
    subject_id: int | None = Field(None, ge=1, le=MAX_ID, description="The user it was done to.")
    what: Annotated[str | None, Field(max_length=40)] = None


class AuditEvent(Output):
    id: int
    at: dt.datetime
    what: str = Field(description="`signed_in`, `sign_in_failed`, `role_changed`, …")
    actor_id: int | None = Field(description="The user who did it; null: nobody was signed in.")
    subject_id: int | None = Field(description="The user it was done to.")
    address: str
    agent: str
    details: dict[str, Any]
