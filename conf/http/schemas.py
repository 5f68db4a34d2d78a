"""What request and answer schemas of every resource share."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict

from conf.values import MAX_ID

Id = Annotated[int, Path(ge=1, le=MAX_ID)]
"""An identity key in a path."""


class Input(BaseModel):
    """What a client sends: unknown fields are refused, text is trimmed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class Output(BaseModel):
    """What a client gets: every field is always there, so none has a default."""

    model_config = ConfigDict(from_attributes=True, frozen=True)
