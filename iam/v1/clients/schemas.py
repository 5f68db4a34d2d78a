"""Request and response schemas of OAuth clients, version 1."""

import datetime as dt
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

from conf.http.schemas import UNSET, Changes, Input, Output
from iam.users import rules

ClientId = Annotated[
    str,
    Path(
        max_length=40,
        pattern=r"^[A-Za-z0-9-]+$",
        description="The `client_id` of the client.",
        examples=["campus-5f0c2a9be81d4c7fa36b0e12"],
    ),
]
ClientName = Annotated[
    rules.Name, Field(description="Name of the program; the consent page shows it.", examples=["Chess club"])
]
RedirectUri = Annotated[str, StringConstraints(min_length=1, max_length=500)]
RedirectUris = Annotated[
    list[RedirectUri],
    Field(
        min_length=1,
        max_length=10,
        description="URLs to which people may be sent back after they have logged in. Each begins with `https://` or "
        "`http://127.0.0.1`, or has a scheme like `com.example.app`. The `redirect_uri` of an authorization request "
        "must be equal to one of them, character by character.",
        examples=[["https://club.example/callback"]],
    ),
]


class ClientCreate(Input):
    """A new client: a program that lets people log in with their Campus account."""

    name: ClientName
    website: rules.Website | None = None
    redirect_uris: RedirectUris
    confidential: bool = Field(
        True,
        description="Whether the program can keep a secret. Send false for programs in browsers and on phones: a public "
        "client gets no secret.",
    )


class ClientUpdate(Changes):
    """The fields to change. Fields that are not sent stay as they are."""

    name: ClientName = UNSET
    website: rules.Website | None = UNSET
    redirect_uris: RedirectUris = UNSET


class Client(Output):
    """A program that lets people log in with their Campus account."""

    client_id: str = Field(
        description="Identifier of the client in OAuth requests.", examples=["campus-5f0c2a9be81d4c7fa36b0e12"]
    )
    name: str = Field(examples=["Chess club"])
    website: str | None = Field(examples=["https://club.example/"])
    redirect_uris: list[str] = Field(examples=[["https://club.example/callback"]])
    owner_id: int = Field(description="The user who registered the client.")
    confidential: bool = Field(description="Whether the client has a secret.")
    created_at: dt.datetime
    updated_at: dt.datetime


class NewClient(Client):
    """A client together with its new secret."""

    client_secret: str | None = Field(
        description="The secret of the client. Store it: it is not shown again. Null for a public client.",
        examples=["uM3rV0x2Qk7cW9sT4yB1nL6pD8fH5jAzE0iGoXqKvRw"],
    )
