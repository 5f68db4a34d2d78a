"""What v1 accepts and returns about clients."""

import datetime as dt
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

from conf.http.schemas import UNSET, Changes, Input, Output
from iam.users import rules

ClientId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9-]+$")]
RedirectUris = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=500)]], Field(min_length=1, max_length=10)
]


class ClientCreate(Input):
    name: rules.Name = Field(description="People see it when they consent.")
    website: rules.Website | None = None
    redirect_uris: RedirectUris = Field(description="Compared as a whole, letter by letter.")
    confidential: bool = Field(True, description="False for what cannot keep a secret: in browsers, on phones.")


class ClientUpdate(Changes):
    """Only the fields that are given change."""

    name: rules.Name = UNSET
    website: rules.Website | None = UNSET
    redirect_uris: RedirectUris = UNSET


class Client(Output):
    client_id: str
    name: str
    website: str | None
    redirect_uris: list[str]
    owner_id: int
    confidential: bool
    created_at: dt.datetime
    updated_at: dt.datetime


class NewClient(Client):
    client_secret: str | None = Field(description="Told this once. Null: the client is public.")
