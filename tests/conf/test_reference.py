"""The API reference is complete, and its examples are valid and work."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from conf.http.examples import missing_examples
from main import app
from tests.documents import VERSIONS, document
from tests.matrix import CALLERS, Case
from tests.test_matrix import TABLE
from tests.world import World, make_world

FROM_MATRIX = {"password", "old_password", "token", "refresh_token", "query", "email"}
"""Fields whose examples cannot be right: secrets, and their owners. The matrix has the right ones, and the ids."""
DATES = {"starts_at": "free", "first_day": "day", "last_day": "day"}
"""Fields that must lie in the future, and what stands for them in the world."""


def operations(version: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document(version)["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


OPERATIONS = [
    pytest.param(version, operation, id=f"v{version} {method} {path}")
    for version in VERSIONS
    for method, path, operation in operations(version)
]


@pytest.mark.parametrize(("version", "operation"), OPERATIONS)
def test_the_examples_of_bodies_and_responses_are_valid(version: int, operation: dict[str, Any]) -> None:
    components = {"components": document(version)["components"]}
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        for media_type, place in part.get("content", {}).items():
            if media_type in ("application/json", "application/problem+json"):
                jsonschema.Draft202012Validator(place["schema"] | components).validate(place["example"])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_has_an_example(version: int) -> None:
    assert missing_examples(document(version)) == [], "give these fields Field(examples=[…])"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_parameter_is_described(version: int) -> None:
    undescribed = [
        f"{method} {path}: {parameter['name']}"
        for method, path, operation in operations(version)
        for parameter in operation.get("parameters", [])
        if not (parameter["in"] == "path" or parameter["name"].endswith("_id") or parameter["name"] == "limit")
        and not parameter.get("description")
        and not parameter["schema"].get("description")
    ]
    assert undescribed == [], "give these parameters Query(description=…), or Header, or Path"


def unbounded(schema: dict[str, Any]) -> bool:
    """Whether a value that the schema allows may not fit its column."""
    if any(unbounded(part) for part in schema.get("anyOf", [])):
        return True
    if any(name in schema for name in ("enum", "const", "$ref", "anyOf", "format", "pattern")):
        return False
    match schema.get("type"):
        case "integer":
            return not {"maximum", "exclusiveMaximum"} & set(schema)
        case "string":
            return "maxLength" not in schema
        case "array":
            return "maxItems" not in schema or unbounded(schema.get("items", {}))
    return False


@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_of_a_request_is_bounded(version: int) -> None:
    schemas = document(version)["components"]["schemas"]
    bodies = {
        place["schema"]["$ref"].rpartition("/")[2]
        for _, _, operation in operations(version)
        for media_type, place in operation.get("requestBody", {}).get("content", {}).items()
        if media_type == "application/json" and "$ref" in place["schema"]
    }
    found = [
        f"{model}.{name}"
        for model in sorted(bodies)
        for name, schema in schemas[model].get("properties", {}).items()
        if unbounded(schema)
    ]
    assert found == [], "bound these fields: max_length for text and lists, ge and le for numbers"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_tag_is_described_and_the_page_says_how_to_sign_in(version: int) -> None:
    described = document(version)
    assert [tag for tag in described["tags"] if len(tag["description"]) < 50] == [], "describe the module of the routes"
    used = {tag for _, _, operation in operations(version) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in described["tags"]}
    assert "/api/v1/auth/login/" in described["info"]["description"]


@pytest.fixture(scope="module")
def api() -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


BODIES = [
    pytest.param(version, method, operation, id=f"v{version} {method} {path}")
    for version in VERSIONS
    for method, path, operation in operations(version)
    if "application/json" in operation.get("requestBody", {}).get("content", {})
    and int(re.match(r"/api/v(\d+)/", path)[1]) == version  # type: ignore[index]
]


@pytest.mark.parametrize(("version", "method", "operation"), BODIES)
def test_the_example_of_each_request_works(
    api: TestClient, version: int, method: str, operation: dict[str, Any]
) -> None:
    name = operation["operationId"]
    case = TABLE[f"v{version}.{name}" if version > 1 else name]
    world = make_world(api)
    caller = min(reversed(CALLERS), key=lambda caller: (case.expected[caller] >= 300, caller != "admin"))
    body = with_real_rows(operation["requestBody"]["content"]["application/json"]["example"], case, world)
    response = api.request(
        method,
        case.path.format(**world.names),
        json=body,
        headers=world.headers[caller] | {"If-Match": "*"} | case.headers,
        follow_redirects=False,
    )
    assert response.status_code == case.expected[caller], (caller, body, response.text)


def with_real_rows(example: dict[str, Any], case: Case, world: World) -> dict[str, Any]:
    """Put ids, secrets and dates of the world in place of the example's."""
    body = copy.deepcopy(example)
    names = world.names | {"patient": world.people["owner"].id}
    for name in body:
        value = (case.json or {}).get(name)
        if value is not None and (name in FROM_MATRIX or "{" in str(value)):
            body[name] = value.format(**names) if isinstance(value, str) else value
        elif name in DATES:
            body[name] = names[DATES[name]]
        elif name.endswith("_id") and name.removesuffix("_id") in names and body[name] is not None:
            body[name] = names[name.removesuffix("_id")]
    return body
