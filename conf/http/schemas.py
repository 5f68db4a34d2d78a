"""Base classes and types of the request and response schemas of every resource."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from conf.values import MAX_ID

Id = Annotated[int, Path(ge=1, le=MAX_ID, description="Unique identifier of the object.")]
"""An id in the path."""

SECRET: dict[str, Any] = {"x-secret": True}
"""For `Path(json_schema_extra=SECRET)`: the request log shows `…` instead of the parameter."""

UNSET: Any = None
"""Default of the fields of `Changes`. It is never stored: `given` returns only the fields that the client has sent."""


class Input(BaseModel):
    """Base of request schemas. Unknown fields are refused, and strings are stripped of surrounding whitespace."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class Changes(Input):
    """Base of the request schemas of PATCH. Only fields that are sent are changed, so each has the default UNSET."""

    def given(self) -> dict[str, Any]:
        """Return the fields that the client has sent, by name."""
        return self.model_dump(exclude_unset=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON schema without the defaults: a missing field is not changed."""
        json_schema = handler(schema)
        for field in handler.resolve_ref_schema(json_schema).get("properties", {}).values():
            field.pop("default", None)
        return json_schema


class Filter(BaseModel):
    """Base of the query parameters that filter a list: `filters: Annotated[schemas.UserFilter, Query()]`."""

    def given(self) -> dict[str, Any]:
        """Return the parameters that the client has sent, by name."""
        return self.model_dump(exclude_none=True)


class Output(BaseModel):
    """Base of response schemas. Every field is always present, so no field has a default.

    If a schema has `updated_at`, its value is the version in the response's ETag.
    """

    model_config = ConfigDict(from_attributes=True, frozen=True)
