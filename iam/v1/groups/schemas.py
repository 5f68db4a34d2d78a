"""Request and response schemas of groups, version 1."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from conf.http.schemas import UNSET, Changes, Input, Output
from iam.users import rules

GroupName = Annotated[
    rules.Name, Field(description="Unique name of the group; case is ignored.", examples=["Physics 2026"])
]
Colour = Annotated[
    str,
    StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$", to_lower=True),
    Field(description="Red, green and blue in hexadecimal, to show the group in.", examples=["#1e90ff"]),
]


class GroupCreate(Input):
    """A new group of users."""

    name: GroupName
    colour: Colour = "#808080"


class GroupUpdate(Changes):
    """The fields to change. Fields that are not sent stay as they are; none may be null."""

    name: GroupName = UNSET
    colour: Colour = UNSET


class Group(Output):
    """A group of users, such as those who take the same course."""

    id: int
    name: str = Field(examples=["Physics 2026"])
    colour: str = Field(description="Red, green and blue in hexadecimal, in lower case.", examples=["#1e90ff"])
    created_at: dt.datetime
    updated_at: dt.datetime
