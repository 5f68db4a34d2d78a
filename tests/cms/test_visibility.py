"""Visibility: which videos each caller can see."""

from fastapi.testclient import TestClient
from sqlalchemy import text

from conf.db.session import write_engine
from iam.roles import Role
from tests.matrix import CALLERS, OWNER, PEOPLE, V1, only
from tests.people import make_person
from tests.world import make_world


def test_an_inactive_video_is_visible_only_to_its_owner_and_admins(anonymous: TestClient) -> None:
    world = make_world(anonymous)
    path = f"{V1}/videos/{world.names['video']}/"
    anonymous.patch(path, json={"is_active": False}, headers=world.headers["owner"])
    seen = {caller: anonymous.get(path, headers=world.headers[caller]).status_code for caller in CALLERS}
    assert seen == only(*OWNER, others=404) | {"anonymous": 404}
    listed = {
        caller: len(anonymous.get(f"{V1}/videos/", headers=world.headers[caller]).json())
        for caller in ("anonymous", *PEOPLE)
    }
    assert listed == dict.fromkeys(("anonymous", *PEOPLE), 0) | dict.fromkeys(OWNER, 1)
    for method, body in (("PATCH", {"title": "x"}), ("DELETE", None)):
        assert anonymous.request(method, path, json=body, headers=world.headers["teacher"]).status_code == 404


V2 = "/api/v2/videos/"


def test_the_videos_of_a_deleted_user_remain(client: TestClient) -> None:
    teacher = make_person(Role.TEACHER)
    video = client.post(V2, json={"title": "x"}, headers=teacher.headers).headers["Location"]
    assert client.delete(f"/api/v1/users/{teacher.id}/").status_code == 204
    assert client.get(video).json()["owner_id"] is None


def test_an_unlisted_video_is_visible_with_its_share_key(anonymous: TestClient) -> None:
    world = make_world(anonymous)
    mine = world.headers["owner"]
    made = anonymous.post(V2, json={"title": "x", "visibility": "unlisted"}, headers=mine).json()
    path, key = f"{V2}{made['id']}/", made["share_key"]
    assert len(key) >= 20
    for caller in CALLERS[:-2]:
        headers = world.headers[caller]
        theirs = caller in OWNER
        assert anonymous.get(path, headers=headers).status_code == (200 if theirs else 404)
        assert anonymous.get(path, params={"key": "wrong"}, headers=headers).status_code == (200 if theirs else 404)
        shared = anonymous.get(path, params={"key": key}, headers=headers)
        assert (shared.status_code, shared.json()["share_key"]) == (200, key if theirs else None)
        listed = {video["id"] for video in anonymous.get(V2, headers=headers).json()["items"]}
        assert (made["id"] in listed) == theirs
        assert anonymous.get(f"{V1}/videos/{made['id']}/", headers=headers).status_code == (200 if theirs else 404)


def test_a_share_key_ends_when_the_video_is_no_longer_unlisted(client: TestClient) -> None:
    path = client.post(V2, json={"title": "x", "visibility": "unlisted"}).headers["Location"]
    any_version = {"If-Match": "*"}

    def change(visibility: str) -> str | None:
        key = client.patch(path, json={"visibility": visibility}, headers=any_version).json()["share_key"]
        return None if key is None else str(key)

    first = client.get(path).json()["share_key"]
    assert change("unlisted") == first
    assert (change("private"), change("public")) == (None, None)
    second = change("unlisted")
    assert second not in (None, first)
    client.headers.pop("Authorization")
    assert client.get(path, params={"key": first}).status_code == 404
    assert client.get(path, params={"key": second}).status_code == 200


def test_an_update_in_v1_keeps_the_fields_of_v2(client: TestClient) -> None:
    made = client.post(V2, json={"title": "x", "visibility": "unlisted", "tags": ["a"]}).json()
    old = f"{V1}/videos/{made['id']}/"
    seen = client.get(old).json()
    assert (seen["is_active"], "visibility" in seen) == (False, False)
    client.patch(old, json={"title": "y", "is_active": seen["is_active"]})
    now = client.get(f"{V2}{made['id']}/").json()
    assert (now["title"], now["visibility"], now["share_key"], now["tags"]) == (
        "y",
        "unlisted",
        made["share_key"],
        ["a"],
    )
    assert client.patch(old, json={"is_active": True}).json()["is_active"]
    assert client.get(f"{V2}{made['id']}/").json()["visibility"] == "public"
    client.patch(old, json={"is_active": False})
    assert client.get(f"{V2}{made['id']}/").json()["visibility"] == "private"


def test_videos_are_found_by_tag(client: TestClient) -> None:
    for tags in (["Maths", "first year"], ["maths"], []):
        client.post(V2, json={"title": "x", "tags": tags})
    assert len(client.get(V2, params={"tag": " MATHS "}).json()["items"]) == 2
    (found,) = client.get(V2, params={"tag": "first year"}).json()["items"]
    assert found["tags"] == ["maths", "first year"]
    assert client.get(V2, params={"tag": "none"}).json() == {"items": [], "next": None}


def test_a_teacher_who_became_a_student_no_longer_publishes(anonymous: TestClient) -> None:
    teacher = make_person(Role.TEACHER)
    video = anonymous.post("/api/v2/videos/", json={"title": "Mine", "visibility": "private"}, headers=teacher.headers)
    path = video.headers["Location"]
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE users SET role = 'student' WHERE id = :id"), {"id": teacher.id})
    headers = teacher.headers | {"If-Match": "*"}
    assert anonymous.patch(path, json={"visibility": "public"}, headers=headers).status_code == 403
    assert anonymous.post(f"{path}upload/", files={"file": ("a", b"x")}, headers=headers).status_code == 403
    assert anonymous.get(path, headers=teacher.headers).status_code == 200
    assert anonymous.delete(path, headers=headers).status_code == 204
