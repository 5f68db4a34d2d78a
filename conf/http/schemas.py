"""What request and answer schemas of every resource share."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict

MAX_ID = 2**63 - 1
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
"""An identity key in a path."""


def _storable(text: str | None) -> str | None:
    if text is not None and "\0" in text:
        raise ValueError("must not contain the NUL character")
    return text


Storable = AfterValidator(_storable)
"""For text: PostgreSQL can keep it. Behind `StringConstraints`, so that those speak of characters."""


class Input(BaseModel):
    """What a client sends: unknown fields are refused, text is trimmed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class Output(BaseModel):
    """What a client gets: every field is always there, so none has a default."""

    model_config = ConfigDict(from_attributes=True, frozen=True)
