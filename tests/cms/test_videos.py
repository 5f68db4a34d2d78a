import pytest
from fastapi.testclient import TestClient

VIDEOS = "/api/v1/videos/"


def make(client: TestClient, **fields: object) -> dict[str, object]:
    response = client.post(VIDEOS, json={"title": "Algebra"} | fields)
    assert response.status_code == 201, response.text
    return dict(response.json())


def test_a_new_video_has_every_field_and_a_location(client: TestClient) -> None:
    response = client.post(VIDEOS, json={"title": " Algebra ", "description": "Groups", "is_active": False})

    video = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{VIDEOS}{video['id']}/"
    assert video["created_at"].endswith("Z")
    assert {name: value for name, value in video.items() if name not in ("id", "created_at", "updated_at")} == {
        "owner_id": 1,
        "title": "Algebra",
        "description": "Groups",
        "is_active": False,
        "file": None,
        "status": "NOT_PROCESSED",
        "error": None,
        "duration_s": None,
        "width": None,
        "height": None,
        "poster_url": None,
        "hls_url": None,
        "job_id": None,
    }
    assert client.get(response.headers["Location"]).json() == video


def test_the_list_is_a_plain_array_with_skip_and_limit(client: TestClient) -> None:
    ids = [make(client, title=f"Lecture {n}")["id"] for n in range(5)]

    assert [video["id"] for video in client.get(VIDEOS).json()] == ids
    assert [video["id"] for video in client.get(VIDEOS, params={"skip": 1, "limit": 2}).json()] == ids[1:3]
    assert client.get(VIDEOS, params={"skip": 99}).json() == []


def test_a_path_works_with_and_without_its_trailing_slash(client: TestClient) -> None:
    video = make(client)
    for path in ("/api/v1/videos", VIDEOS, f"{VIDEOS}{video['id']}", f"{VIDEOS}{video['id']}/"):
        assert client.get(path, follow_redirects=False).status_code == 200


def test_patch_changes_only_the_given_fields(client: TestClient) -> None:
    video = make(client, description="Groups")

    changed = client.patch(f"{VIDEOS}{video['id']}/", json={"title": "Rings"}).json()

    assert (changed["title"], changed["description"], changed["is_active"]) == ("Rings", "Groups", True)
    assert changed["updated_at"] > video["updated_at"]


def test_a_deleted_video_is_gone(client: TestClient) -> None:
    video = make(client)
    assert client.delete(f"{VIDEOS}{video['id']}/").status_code == 204
    assert client.get(f"{VIDEOS}{video['id']}/").status_code == 404
    assert client.delete(f"{VIDEOS}{video['id']}/").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "   "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": None}, "title"),
        ({"title": 7}, "title"),
        ({"title": "x", "is_active": "perhaps"}, "is_active"),
        ({"title": "x", "description": "y" * 20_001}, "description"),
        ({"title": "x", "status": "PROCESSED"}, "status"),
        ({"title": "x", "id": 7}, "id"),
    ],
)
def test_invalid_fields_are_named_in_the_error(client: TestClient, body: dict[str, object], field: str) -> None:
    response = client.post(VIDEOS, json=body)
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert client.get(VIDEOS).json() == []


def test_errors_give_a_reason_for_each_field(client: TestClient) -> None:
    reasons = {
        field: client.post(VIDEOS, json=body).json()["errors"][0]["reason"]
        for field, body in (("empty", {"title": ""}), ("nul", {"title": "a\0b"}), ("missing", {}))
    }
    assert reasons == {
        "empty": "String should have at least 1 character",
        "nul": "Text must not contain the NUL character.",
        "missing": "Field required",
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"nonsense", b'{"title": "\\ud800"}', b"[" * 10_000, b"\xff\xfe"])
def test_a_body_that_is_not_a_json_object_is_refused(client: TestClient, body: bytes) -> None:
    response = client.post(VIDEOS, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422, response.text


def test_another_content_type_is_refused(client: TestClient) -> None:
    response = client.post(VIDEOS, content=b"title=x", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert response.status_code == 415


def test_a_huge_body_is_refused(client: TestClient) -> None:
    assert client.post(VIDEOS, json={"title": "x", "description": "y" * 2_000_000}).status_code == 413


@pytest.mark.parametrize("video_id", ["0", "-1", "abc", "1.5", str(2**63), "9" * 400, "%00"])
def test_an_invalid_id_is_refused(client: TestClient, video_id: str) -> None:
    assert client.get(f"{VIDEOS}{video_id}/").status_code in (404, 422)


@pytest.mark.parametrize("query", ["skip=-1", "skip=x", "limit=0", "limit=101", f"skip={2**63}"])
def test_an_invalid_skip_or_limit_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"{VIDEOS}?{query}").status_code == 422


def test_unknown_paths_and_methods_return_problem_details(client: TestClient) -> None:
    unknown = client.get("/api/v1/nowhere/")
    assert (unknown.status_code, unknown.json()["title"]) == (404, "Not Found")
    wrong = client.put(VIDEOS, json={})
    assert (wrong.status_code, wrong.json()["status"]) == (405, 405)
    assert wrong.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    for response in (unknown, wrong):
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["request_id"] == response.headers["X-Request-ID"]


def test_version_1_ignores_unknown_query_parameters_and_version_2_refuses_them(client: TestClient) -> None:
    assert client.get("/api/v1/videos/?limt=3").status_code == 200
    assert client.get("/api/v2/videos/?limt=3").status_code == 422
