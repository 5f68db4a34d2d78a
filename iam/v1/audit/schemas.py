"""What v1 says of the audit trail."""

import datetime as dt
from typing import Any

from pydantic import Field

from conf.http.schemas import Output


class AuditEvent(Output):
    id: int
    at: dt.datetime
    what: str = Field(description="`signed_in`, `sign_in_failed`, `role_changed`, …")
    actor_id: int | None = Field(description="The user who did it; null: nobody was signed in.")
    subject_id: int | None = Field(description="The user it was done to.")
    address: str
    agent: str
    details: dict[str, Any]
