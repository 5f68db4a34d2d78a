"""What every route of the API refuses, whatever its own parameters are."""

import pytest
from fastapi.testclient import TestClient

from cms.v2 import wire_pb2
from conf.http.handler import Handler
from conf.http.index import handlers
from main import app

REASON = "Text must not contain the NUL character."
IGNORING = {"/api/v1/oauth/authorize/", "/api/v1/videos/"}
ROUTES = [handler for handler in handlers(app) if handler.path.startswith("/api/") and handler.route.include_in_schema]


def errors(response: object) -> object:
    return response.json().get("errors")  # type: ignore[attr-defined]


@pytest.mark.parametrize("route", [r for r in ROUTES if "GET" in r.methods], ids=lambda route: route.path)
def test_every_route_refuses_query_parameters_that_it_does_not_have(client: TestClient, route: Handler) -> None:
    path = route.path
    for name in ("booking_id", "version"):
        path = path.replace(f"{{{name}}}", "1")
    response = client.get(path.replace("{", "").replace("}", "") + "?no_such_parameter=1")
    found = [error["field"] for error in response.json().get("errors", [])] if response.status_code == 422 else []
    assert ("no_such_parameter" in found) is not (path in IGNORING or path.startswith("/api/v1/videos/"))


def test_the_error_names_the_nearest_parameter(client: TestClient) -> None:
    response = client.get("/api/v2/videos/?limt=3")
    assert (response.status_code, errors(response)) == (
        422,
        [{"field": "limt", "reason": "There is no such query parameter. Did you mean limit?"}],
    )


def test_version_1_of_the_videos_still_ignores_unknown_parameters(client: TestClient) -> None:
    assert client.get("/api/v1/videos/?limt=3").status_code == 200


def test_nul_is_refused_wherever_text_comes_from(client: TestClient) -> None:
    video = client.post("/api/v2/videos/", json={"title": "x"}).json()["id"]
    for response, field in (
        (client.post("/api/v2/videos/", json={"title": "a\0b"}), "title"),
        (client.post("/api/v2/videos/", json={"title": "a", "tags": ["b", "c\0"]}), "tags.1"),
        (
            client.patch(f"/api/v2/videos/{video}/", json={"description": "\0"}, headers={"If-Match": "*"}),
            "description",
        ),
        (client.get("/api/v2/videos/", params={"tag": "a\0"}), "tag"),
        (client.get("/api/v1/users/a%00b/"), "who"),
    ):
        assert (response.status_code, errors(response)) == (422, [{"field": field, "reason": REASON}])


def test_nul_is_refused_in_protobuf(client: TestClient) -> None:
    body = wire_pb2.VideoCreate(title="a\0b").SerializeToString()
    response = client.post("/api/v2/videos/", content=body, headers={"Content-Type": "application/protobuf"})
    assert (response.status_code, errors(response)) == (422, [{"field": "title", "reason": REASON}])


def test_an_escaped_backslash_before_u0000_is_text_like_any_other(client: TestClient) -> None:
    response = client.post("/api/v2/videos/", json={"title": "\\u0000"})
    assert (response.status_code, response.json()["title"]) == (201, "\\u0000")
