"""Requests and responses in protobuf."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from google.protobuf import json_format

from cms.v2 import wire_pb2
from tests.people import Person

PROTOBUF = {"Accept": "application/protobuf"}


def video(client: TestClient, **fields: Any) -> dict[str, Any]:
    created: dict[str, Any] = client.post("/api/v2/videos/", json={"title": "Algebra"} | fields).json()
    return created


def test_objects_and_pages_are_returned_as_protobuf(client: TestClient) -> None:
    made = video(client, tags=["maths", "first year"])
    response = client.get(f"/api/v2/videos/{made['id']}/", headers=PROTOBUF)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/protobuf")
    assert "Accept" in response.headers["Vary"]
    one = wire_pb2.Video.FromString(response.content)
    assert (one.id, one.title, list(one.tags)) == (made["id"], "Algebra", ["maths", "first year"])
    assert one.visibility == wire_pb2.VISIBILITY_PUBLIC
    assert not one.HasField("playback")
    page = client.get("/api/v2/videos/", headers={"Accept": "application/x-protobuf"})
    assert page.headers["Content-Type"] == "application/x-protobuf"
    (item,) = wire_pb2.VideoPage.FromString(page.content).items
    assert item == one
    plain = client.get("/api/v1/videos/", headers=PROTOBUF)
    assert plain.headers["Content-Type"] == "application/protobuf"
    assert json_format.MessageToDict(one, preserving_proto_field_name=True)["title"] == "Algebra"


def test_a_request_in_protobuf_can_return_json(client: TestClient, admin: Person) -> None:
    body = wire_pb2.VideoCreate(title="Geometry", visibility=wire_pb2.VISIBILITY_UNLISTED)
    headers = {"Content-Type": "application/protobuf"}
    made = client.post("/api/v2/videos/", content=body.SerializeToString(), headers=headers)
    assert (made.status_code, made.json()["title"], made.json()["visibility"]) == (201, "Geometry", "unlisted")
    change = wire_pb2.VideoUpdate(tags=wire_pb2.StringList(items=[]), description="")
    changed = client.patch(
        made.headers["Location"],
        content=change.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf", "If-Match": made.headers["ETag"]} | PROTOBUF,
    )
    assert changed.status_code == 200
    assert wire_pb2.Video.FromString(changed.content).title == "Geometry"


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\x0a\x7fcut off",
        b"\x0a\x02\xff\xfe",  # not UTF-8
        b"\xba\x3e\x01x",  # field 999
        b"\x0b" * 200,  # groups in groups
        b"\x00",
    ],
)
def test_a_body_that_is_not_a_message_is_refused(client: TestClient, body: bytes) -> None:
    response = client.post("/api/v2/videos/", content=body, headers={"Content-Type": "application/protobuf"})
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert "campus.cms.v2.VideoCreate" in response.json()["detail"]


def test_unknown_fields_are_refused_at_any_depth_and_size(client: TestClient) -> None:
    headers = {"Content-Type": "application/protobuf", "If-Match": "*"}
    path = client.post("/api/v2/videos/", json={"title": "x"}).headers["Location"]
    for body in (b"\x1a\x05\x0a\x01a\x50\x01", b"\x78\x00" * 30_000):  # in a nested StringList; 60,000 bytes
        assert client.patch(path, content=body, headers=headers).status_code == 400


def test_missing_and_invalid_fields_are_named_in_the_error(client: TestClient) -> None:
    def refused(**fields: Any) -> list[str]:
        body = wire_pb2.VideoCreate(**fields).SerializeToString()
        response = client.post("/api/v2/videos/", content=body, headers={"Content-Type": "application/protobuf"})
        assert response.status_code == 422
        return [error["field"] for error in response.json()["errors"]]

    assert refused() == ["title"]
    assert refused(title="a\0b") == ["title"]
    assert refused(title="x", visibility=99) == ["visibility"]
    assert refused(title="x", visibility=wire_pb2.VISIBILITY_UNSPECIFIED) == ["visibility"]
    assert refused(title="x", tags=["", "y"]) == ["tags.0"]


def test_other_formats_are_refused_without_side_effects(client: TestClient) -> None:
    refused = client.post("/api/v2/videos/", json={"title": "x"}, headers={"Accept": "text/html"})
    assert (refused.status_code, refused.headers["Content-Type"]) == (406, "application/problem+json")
    assert "Accept" in refused.headers["Vary"]
    assert client.get("/api/v2/videos/").json()["items"] == []
    for headers in ({"Content-Type": "text/csv"}, {"Content-Type": "application/json", "Content-Encoding": "gzip"}):
        assert client.post("/api/v2/videos/", content=b"{}", headers=headers).status_code == 415
    assert client.get("/.well-known/openid-configuration", headers=PROTOBUF).status_code == 406


def test_a_long_list_in_protobuf_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "application/protobuf"}
    response = client.post("/api/v2/videos/", content=b"\x0a\x01a" + b"\x1a\x00" * 5000, headers=headers)
    assert response.status_code in (400, 422)
    assert len(response.content) < 1000
