"""What v1 accepts and returns about groups."""

import datetime as dt
from typing import Annotated

from pydantic import Field, StringConstraints

from conf.http.schemas import UNSET, Changes, Input, Output
from iam.users import rules

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$", to_lower=True)]


class GroupCreate(Input):
    name: rules.Name
    colour: Colour = Field("#808080", examples=["#1e90ff"])


class GroupUpdate(Changes):
    """Only the fields that are given change; none can be null."""

    name: rules.Name = UNSET
    colour: Colour = UNSET


class Group(Output):
    id: int
    name: str
    colour: str
    created_at: dt.datetime
    updated_at: dt.datetime
