"""Request and response schemas of the audit trail, version 1."""

import datetime as dt
from typing import Any

from pydantic import Field

from conf.http.schemas import Filter, Output
from conf.values import MAX_ID


class AuditFilter(Filter):
    subject_id: int | None = Field(
        None, ge=1, le=MAX_ID, description="Return only events that concern this user.", examples=[7]
    )
    what: str | None = Field(
        None, max_length=40, description="Return only events of this kind.", examples=["role_changed"]
    )


class AuditEvent(Output):
    id: int
    at: dt.datetime
    what: str = Field(
        description="The kind of event, such as `registered`, `signed_in`, `sign_in_failed`, `signed_out`, "
        "`refresh_token_reused`, `password_changed`, `password_reset`, `user_created`, `users_imported`, "
        "`role_changed`, `email_changed`, `user_deleted`, `client_registered`, `consented`, `result_downloaded`.",
        examples=["role_changed"],
    )
    actor_id: int | None = Field(description="The user who caused the event; null if nobody was signed in.")
    subject_id: int | None = Field(description="The user whom the event concerns; null if it concerns none.")
    address: str = Field(
        description="IP address of the caller, or the /64 network of an IPv6 address; empty if there was no request.",
        examples=["203.0.113.7"],
    )
    agent: str = Field(
        description="The first 200 characters of the caller's `User-Agent` header; `command line` if there was no "
        "request.",
        examples=["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
    )
    details: dict[str, Any] = Field(
        description="More about the event; the members depend on its kind.",
        examples=[{"before": "student", "after": "teacher"}],
    )
