"""What every route of the API refuses, whatever its own parameters are."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from conf.http.checks import LONGEST_NAME, any_query
from conf.http.handler import Handler
from conf.http.index import handlers
from conf.http.problems import MAX_ERRORS
from iam.v1 import wire_pb2
from main import app

REASON = "Text must not contain the NUL character."
GROUPS = "/api/v1/groups/"
ROUTES = [
    handler
    for handler in handlers(app)
    if handler.path.startswith("/api/") and handler.route.include_in_schema and "GET" in handler.methods
]


def errors(response: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = response.json().get("errors", [])
    return found


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_refuses_query_parameters_that_it_does_not_have(client: TestClient, route: Handler) -> None:
    path = route.path
    for parameter in route.route.dependant.path_params:
        path = path.replace(f"{{{parameter.alias}}}", "1")
    response = client.get(f"{path}?no_such_parameter=1")
    takes_any = any(dependant.call is any_query for dependant in route.dependants)
    is_refused = response.status_code == 422 and "no_such_parameter" in [error["field"] for error in errors(response)]
    assert is_refused is not takes_any, response.text


def test_the_error_names_the_nearest_parameter(client: TestClient) -> None:
    response = client.get(f"{GROUPS}?limt=3")
    assert (response.status_code, errors(response)) == (
        422,
        [{"field": "limt", "reason": "Unknown query parameter. Did you mean `limit`?"}],
    )


def test_nul_is_refused_wherever_text_comes_from(client: TestClient) -> None:
    me = client.get("/api/v1/auth/me/").json()["id"]
    changes = {"tech_stack": ["b", "c\0"]}
    for response, field in (
        (client.post(GROUPS, json={"name": "a\0b", "colour": "#ff0000"}), "name"),
        (client.patch(f"/api/v1/users/{me}/", json=changes, headers={"If-Match": "*"}), "tech_stack.1"),
        (client.get("/api/v1/users/search/", params={"q": "ab\0"}), "q"),
        (client.get("/api/v1/users/a%00b/"), "who"),
    ):
        assert response.status_code == 422
        assert {"field": field, "reason": REASON} in errors(response)


def test_nul_is_refused_in_protobuf(client: TestClient) -> None:
    body = wire_pb2.GroupCreate(name="a\0b").SerializeToString()
    response = client.post(GROUPS, content=body, headers={"Content-Type": "application/protobuf"})
    assert response.status_code == 422
    assert {"field": "name", "reason": REASON} in errors(response)


def test_an_escaped_backslash_before_u0000_is_text_like_any_other(client: TestClient) -> None:
    response = client.post(GROUPS, json={"name": "\\u0000"})
    assert (response.status_code, response.json()["name"]) == (201, "\\u0000")


def test_the_work_for_unknown_parameters_is_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def compare(name: str, *_: object) -> list[str]:
        compared.append(name)
        return []

    monkeypatch.setattr("conf.http.checks.difflib.get_close_matches", compare)
    response = client.get(GROUPS + "?" + "&".join(f"{'x' * 100}{n}=1" for n in range(70)))
    assert (response.status_code, len(errors(response))) == (422, MAX_ERRORS)
    assert [len(name) for name in compared] == [LONGEST_NAME] * MAX_ERRORS


def test_the_errors_of_nul_in_a_body_are_bounded(client: TestClient) -> None:
    response = client.post(GROUPS, json={"name": "a", "more": ["\0"] * 1000})
    assert response.status_code == 422
    assert len(errors(response)) <= MAX_ERRORS
