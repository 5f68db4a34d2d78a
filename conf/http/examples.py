"""Examples for the API reference, built from the `examples` of fields and models.

A field's example is the first of its `examples`. Where it has none, its type may be example enough: a default, the
first value of an enum, a date. A model whose fields exclude each other gives a whole example in `json_schema_extra`.
"""

import http
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_BY_FORMAT = {
    "date-time": "2026-12-01T09:30:00Z",
    "date": "2026-12-01",
    "time": "09:30",
    "duration": "PT30M",
    "email": "ada@campus.example",
    "uri": "https://campus.example/",
    "uuid": "8e2b1c3a-6f5d-4a7e-9b1c-2d3e4f5a6b7c",
}
_MISSING = object()


def add_examples(document: Schema) -> None:
    """Add an example to each JSON body and response of an OpenAPI document."""
    schemas = document["components"]["schemas"]
    for status, content in _contents(document):
        for media_type, place in content.items():
            if media_type == "application/json" and "schema" in place:
                place["example"] = example_of(place["schema"], schemas)
            elif media_type == "application/problem+json":
                place["example"] = _problem(status)


def missing_examples(document: Schema) -> list[str]:
    """The fields of a document that have no example, and need one: `Video.title`."""
    schemas = document["components"]["schemas"]
    return [
        f"{model}.{name}"
        for model, schema in schemas.items()
        if "examples" not in schema
        for name, field in schema.get("properties", {}).items()
        if _leaf(name, field, schemas) is _MISSING
    ]


def example_of(schema: Schema, schemas: dict[str, Schema], name: str = "") -> Any:
    """Build the example of a JSON schema. `schemas`: those that it refers to; `name`: the field's."""
    found = _leaf(name, schema, schemas)
    return "text" if found is _MISSING else found


def _leaf(name: str, schema: Schema, schemas: dict[str, Schema]) -> Any:
    """The example of a schema, or `_MISSING`."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _leaf(name, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("default") not in (None, "", [], {}):
        return schema["default"]
    for whole in ("const", "enum"):
        if whole in schema:
            return schema[whole] if whole == "const" else schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _leaf(name, next(part for part in schema[several] if part.get("type") != "null"), schemas)
    return _by_type(name, schema, schemas)


def _by_type(name: str, schema: Schema, schemas: dict[str, Schema]) -> Any:
    match schema.get("type"):
        case "object":
            return {key: example_of(part, schemas, key) for key, part in schema.get("properties", {}).items()}
        case "array":
            item = _leaf(name, schema.get("items", {}), schemas)
            return _MISSING if item is _MISSING else [item]
        case "boolean":
            return True
        case "null":
            return None
        case "integer" if name == "id" or name.endswith("_id"):
            return 7
        case "string" if schema.get("format") in _BY_FORMAT:
            return _BY_FORMAT[schema["format"]]
        case None:
            return {}
    return _MISSING


def _contents(document: Schema) -> Iterator[tuple[str, Schema]]:
    """The content of each request body and response, with the status; bodies have none."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                yield "", operation["requestBody"].get("content", {})
            for status, response in operation.get("responses", {}).items():
                yield status, response.get("content", {})


_DETAILS = {
    "400": "The body is not valid JSON.",
    "401": "Sign in first.",
    "403": "You need the permission users:write.",
    "404": "There is no video 7.",
    "406": "You accept none of: application/json, application/protobuf.",
    "409": "This cannot be done in the present state.",
    "412": "It has changed since you read it. Read it again.",
    "413": "The body must have at most 1048576 bytes.",
    "415": "The body must be application/json.",
    "422": "The request is not valid.",
    "428": "Send If-Match with the ETag of what you have read.",
    "429": "Too many requests. Try again in 30 seconds.",
    "5XX": "The database does not answer.",
}


def _problem(status: str) -> dict[str, Any]:
    number = 503 if status == "5XX" else int(status)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(number).phrase,
        "status": number,
        "detail": _DETAILS.get(status, http.HTTPStatus(number).phrase),
        "request_id": "9f86d081884c7d65",
    }
    if status == "422":
        body["errors"] = [{"field": "title", "reason": "String should have at least 1 character"}]
    return body
