"""What v1 accepts and returns about signing in."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from conf.http.schemas import Input, Output
from iam.users import rules

Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=256)]

Token = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class Registration(Input):
    email: rules.Email
    password: rules.NewPassword
    first_name: rules.Name
    last_name: rules.Name


class Credentials(Input):
    email: rules.Email
    password: Password


class Refresh(Input):
    refresh_token: Token


class PasswordChange(Input):
    old_password: Password
    new_password: rules.NewPassword


class PasswordForgotten(Input):
    email: rules.Email


class PasswordReset(Input):
    token: Token = Field(description="From the link in the mail.")
    new_password: rules.NewPassword


class EmailVerification(Input):
    token: Token = Field(description="From the link in the mail.")


class Tokens(Output):
    """RFC 6749, 5.1."""

    access_token: str = Field(description="For the header `Authorization: Bearer …`.")
    token_type: str
    expires_in: int = Field(description="Seconds the access token is good for.")
    refresh_token: str = Field(description="Good once, for `/auth/refresh/`. Keep it secret.")
    refresh_expires_in: int = Field(description="Seconds.")


class Session(Output):
    id: int
    client: str | None = Field(description="The program that acts for you; null: you do.")
    scope: str
    address: str
    agent: str = Field(description="The browser or program it was begun with.")
    created_at: dt.datetime
    used_at: dt.datetime
    expires_at: dt.datetime
    current: bool = Field(description="Whether it is the one that asks.")
