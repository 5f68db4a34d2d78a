"""What request and answer schemas of every resource share."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from conf.values import MAX_ID

Id = Annotated[int, Path(ge=1, le=MAX_ID)]
"""An identity key in a path."""

UNSET: Any = None
"""The default of a field of `Changes`: it never gets anywhere."""


class Input(BaseModel):
    """What a client sends: unknown fields are refused, text is trimmed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class Changes(Input):
    """What a PATCH sends. Only the fields that are given change; so each has the default UNSET."""

    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Without the defaults, as no field takes one."""
        told = handler(schema)
        for field in handler.resolve_ref_schema(told).get("properties", {}).values():
            field.pop("default", None)
        return told


class Filter(BaseModel):
    """The query parameters that narrow a list: `filters: Annotated[schemas.UserFilter, Query()]`."""

    def given(self) -> dict[str, Any]:
        """Those that the client has sent, by name."""
        return self.model_dump(exclude_none=True)


class Output(BaseModel):
    """What a client gets: every field is always there, so none has a default. With `updated_at` it has a version, which
    is the first part of its ETag."""

    model_config = ConfigDict(from_attributes=True, frozen=True)
