"""Request and response schemas for signing in, passwords and sessions, version 1."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from conf.http.schemas import Input, Output
from iam.users import rules

Password = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=1, max_length=256),
    Field(description="The current password.", examples=["correct horse battery staple"]),
]

Token = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4096),
    Field(examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"]),
]


class Registration(Input):
    """A new account for the caller, with the role `student`."""

    email: rules.Email
    password: rules.NewPassword
    first_name: rules.Name
    last_name: rules.LastName


class Credentials(Input):
    """The e-mail address and password of an account."""

    email: rules.Email
    password: Password


class Refresh(Input):
    """A refresh token to exchange for new tokens."""

    refresh_token: Token = Field(description="The `refresh_token` of the last sign-in or refresh.")


class PasswordChange(Input):
    """The current and the new password of the caller."""

    old_password: Password
    new_password: rules.NewPassword = Field(examples=["violet tractor under seven moons"])


class PasswordForgotten(Input):
    """The account whose password has been forgotten."""

    email: rules.Email


class PasswordReset(Input):
    """A new password, with the token that was mailed to the user."""

    token: Token = Field(description="The token in the link of the mail, after `#token=`.")
    new_password: rules.NewPassword


class EmailVerification(Input):
    """The token that was mailed to the user."""

    token: Token = Field(description="The token in the link of the mail, after `#token=`.")


class Tokens(Output):
    """The tokens of a session (RFC 6749, 5.1)."""

    access_token: str = Field(
        description="Send it with every request in the header `Authorization: Bearer …`.",
        examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"],
    )
    token_type: str = Field(description="Always `Bearer`.", examples=["Bearer"])
    expires_in: int = Field(description="Seconds for which the access token is valid.", examples=[900])
    refresh_token: str = Field(
        description="Exchange it for new tokens at `/auth/refresh/`. It works once. Keep it secret.",
        examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"],
    )
    refresh_expires_in: int = Field(description="Seconds for which the refresh token is valid.", examples=[2_592_000])
    device_token: str = Field(
        description="Send it in the header `Device-Token` with later sign-ins to this account from this device. It does"
        " not replace the password: it prevents that other people's wrong passwords lock you out. Valid for 180 days.",
        examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"],
    )


class Session(Output):
    """A sign-in of the user, or the access that the user has granted to a client."""

    id: int
    client: str | None = Field(
        description="Name of the client that acts for the user; null for a sign-in to Campus itself.",
        examples=["Chess club"],
    )
    scope: str = Field(
        description="The scopes granted to the client, separated by spaces; empty for a sign-in to Campus itself.",
        examples=["openid profile"],
    )
    address: str = Field(
        description="IP address from which the session was begun, or the /64 network of an IPv6 address.",
        examples=["203.0.113.7"],
    )
    agent: str = Field(
        description="The first 200 characters of the `User-Agent` header with which the session was begun.",
        examples=["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
    )
    created_at: dt.datetime
    used_at: dt.datetime = Field(description="Time of the last refresh, or of the sign-in if there was none.")
    expires_at: dt.datetime = Field(description="Time at which the session ends unless it is refreshed.")
    current: bool = Field(description="Whether the request was made with this session.")
