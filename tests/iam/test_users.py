import base64
from typing import Any

import pytest
from fastapi.testclient import TestClient

from conf.values import MAX_ID
from iam.roles import Role
from tests.people import Person, make_person

USERS = "/api/v1/users/"
NEW = {"email": "new@campus.example", "first_name": "Emmy", "last_name": "Noether"}


def patch(client: TestClient, who: Person, user_id: int, **changes: object) -> tuple[int, dict[str, object]]:
    response = client.patch(f"{USERS}{user_id}/", json=changes, headers=who.headers)
    return response.status_code, response.json()


def test_people_change_their_own_profile(anonymous: TestClient) -> None:
    me = make_person(Role.STUDENT)
    profile = {
        "first_name": "Alan",
        "nickname": "Turing.1912",
        "about": "Machines",
        "tech_stack": ["Python", "C"],
        "telegram": "https://t.me/alan",
        "github": "https://github.com/alan",
        "stepik": "https://stepik.org/users/7",
        "kaggle": "https://www.kaggle.com/alan",
        "website": "http://alan.example/",
    }
    status, body = patch(anonymous, me, me.id, **profile)
    assert status == 200
    assert {name: body[name] for name in profile} == profile
    assert patch(anonymous, me, me.id, nickname=None, telegram=None)[1]["nickname"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("role", "admin"), ("points", 100), ("group_id", 1), ("learning_class", "9A"), ("email", "other@campus.example")],
)
def test_users_cannot_change_their_own_role_points_group_class_or_email(
    anonymous: TestClient, field: str, value: object
) -> None:
    for role in (Role.STUDENT, Role.STAFF, Role.TEACHER):
        me = make_person(role)
        status, body = patch(anonymous, me, me.id, first_name="x", **{field: value})
        assert (status, body["errors"][0]["field"]) == (403, field)  # type: ignore[index]
        assert anonymous.get(f"{USERS}{me.id}/", headers=me.headers).json()["first_name"] != "x"


@pytest.mark.parametrize("field", ["id", "owner", "owner_id", "password_hash", "avatar_key", "email_verified_at"])
def test_an_unknown_field_is_refused(anonymous: TestClient, admin: Person, field: str) -> None:
    status, body = patch(anonymous, admin, admin.id, **{field: "x"})
    assert (status, body["errors"][0]["field"]) == (422, field)  # type: ignore[index]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nickname", "12"),
        ("nickname", "1abc"),
        ("nickname", "a b c"),
        ("nickname", "Leaderboard"),
        ("first_name", ""),
        ("first_name", "a\0b"),
        ("first_name", "x" * 101),
        ("telegram", "https://evil.example/t.me/"),
        ("telegram", "https://t.me@evil.example/"),
        ("website", "javascript:alert(1)"),
        ("website", "https://"),
        ("website", "https://a b"),
        ("tech_stack", ["x"] * 31),
        ("tech_stack", [""]),
        ("points", 2**31),
        ("points", -1),
        ("group_id", 2**63),
        ("group_id", 99),
        ("role", "root"),
        ("email", "nonsense"),
        ("email", None),
    ],
)
def test_bad_values_are_refused_with_the_field(anonymous: TestClient, admin: Person, field: str, value: object) -> None:
    status, body = patch(anonymous, admin, admin.id, **{field: value})
    assert (status, body["errors"][0]["field"].split(".")[0]) == (422, field)  # type: ignore[index]


def test_teachers_change_group_class_and_points_of_students_and_nothing_else(anonymous: TestClient) -> None:
    teacher, student = make_person(Role.TEACHER), make_person(Role.STUDENT)
    group = anonymous.post("/api/v1/groups/", json={"name": "A"}, headers=teacher.headers).json()
    status, body = patch(anonymous, teacher, student.id, group_id=group["id"], learning_class="9A", points=7)
    assert (status, body["group"], body["points"]) == (200, group, 7)
    assert patch(anonymous, teacher, student.id, nickname="abc")[0] == 403
    assert patch(anonymous, teacher, student.id, role="teacher")[0] == 403
    for role in (Role.ADMIN, Role.STAFF):
        assert patch(anonymous, teacher, make_person(role).id, points=1)[0] == 403
    assert patch(anonymous, student, teacher.id, first_name="x")[0] == 403
    assert patch(anonymous, student, 99, first_name="x")[0] == 404


def test_teachers_create_students_and_admins_create_any_role(anonymous: TestClient, admin: Person) -> None:
    teacher = make_person(Role.TEACHER)
    created = anonymous.post(USERS, json=NEW | {"password": "correct horse battery"}, headers=teacher.headers)
    assert created.status_code == 201
    assert anonymous.get(created.headers["Location"], headers=admin.headers).json() == created.json()
    credentials = {"email": NEW["email"], "password": "correct horse battery"}
    assert anonymous.post("/api/v1/auth/login/", json=credentials).status_code == 200

    staff = NEW | {"email": "staff@campus.example", "role": "staff"}
    refused = anonymous.post(USERS, json=staff, headers=teacher.headers)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (403, "role")
    assert anonymous.post(USERS, json=staff, headers=admin.headers).status_code == 201
    again = anonymous.post(USERS, json=staff, headers=admin.headers)
    assert (again.status_code, again.json()["errors"][0]["field"]) == (409, "email")


def test_nicknames_are_unique_and_case_is_ignored(anonymous: TestClient, admin: Person) -> None:
    other = make_person(Role.STUDENT, nickname="Neo")
    status, body = patch(anonymous, admin, admin.id, nickname="nEO")
    assert (status, body["errors"][0]["field"]) == (409, "nickname")  # type: ignore[index]
    assert anonymous.get(f"{USERS}NEO/", headers=admin.headers).json()["id"] == other.id


def test_only_the_user_teachers_and_admins_see_an_email(anonymous: TestClient, admin: Person) -> None:
    student, other, teacher = make_person(Role.STUDENT), make_person(Role.STAFF), make_person(Role.TEACHER)
    emails = {
        who.role: anonymous.get(f"{USERS}{student.id}/", headers=who.headers).json()["email"]
        for who in (student, other, teacher, admin)
    }
    assert [role for role, email in emails.items() if email is None] == [Role.STAFF]
    found = anonymous.get(f"{USERS}search/", params={"q": "student"}, headers=other.headers).json()["items"]
    assert [(user["id"], user["email"]) for user in found] == [(student.id, None)]


def test_the_list_has_pages_and_filters(anonymous: TestClient, admin: Person) -> None:
    people = [make_person(Role.STUDENT, name=f"s{n}", learning_class="9A" if n % 2 else "9B") for n in range(5)]
    seen, path = [], f"{USERS}?limit=2&role=student"
    while path:
        response = anonymous.get(path, headers=admin.headers)
        seen += [user["id"] for user in response.json()["items"]]
        path = response.links["next"]["url"] if "next" in response.links else ""
    assert seen == [person.id for person in people]
    found = anonymous.get(USERS, params={"learning_class": "9A"}, headers=admin.headers).json()["items"]
    assert [user["id"] for user in found] == [people[1].id, people[3].id]
    assert anonymous.get(USERS, params={"group_id": 2**63}, headers=admin.headers).status_code == 422


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("Ала", ["Алан Тьюринг"]),
        ("тьюр", ["Алан Тьюринг"]),
        ("Lov ada", ["Ada Lovelace"]),
        ("countess", ["Ada Lovelace"]),
        ("ace", []),
        ("%%", None),
        ("'; --", None),
        ("a:*|b", []),
    ],
)
def test_search_finds_beginnings_of_names(
    anonymous: TestClient, admin: Person, q: str, found: list[str] | None
) -> None:
    make_person(Role.STUDENT, name="one", first_name="Алан", last_name="Тьюринг")
    make_person(Role.STUDENT, name="two", first_name="Ada", last_name="Lovelace", nickname="countess")
    response = anonymous.get(f"{USERS}search/", params={"q": q}, headers=admin.headers)
    if found is None:
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "q")
    else:
        names = [f"{user['first_name']} {user['last_name']}" for user in response.json()["items"]]
        assert names == found


def test_the_leaderboard_ranks_students_and_is_public(anonymous: TestClient) -> None:
    for n, points in enumerate([5, 9, 5, 0, 9]):
        make_person(Role.STUDENT, name=f"s{n}", points=points)
    make_person(Role.TEACHER, points=100)
    seen, path = [], f"{USERS}leaderboard/?limit=2"
    while path:
        response = anonymous.get(path)
        assert response.status_code == 200
        seen += [(leader["rank"], leader["id"], leader["points"]) for leader in response.json()["items"]]
        assert "email" not in response.text
        path = response.links["next"]["url"] if "next" in response.links else ""
    assert seen == [(1, 2, 9), (1, 5, 9), (3, 1, 5), (3, 3, 5), (5, 4, 0)]


def test_a_forged_cursor_of_the_leaderboard_is_no_error(anonymous: TestClient) -> None:
    make_person(Role.STUDENT, points=5)
    cursor = base64.urlsafe_b64encode(b"9.1.%d.%d" % (MAX_ID, MAX_ID)).decode().rstrip("=")
    for accept in ("application/json", "application/x-protobuf"):
        response = anonymous.get(f"{USERS}leaderboard/?cursor={cursor}", headers={"Accept": accept})
        assert response.status_code == 200, response.text


def test_an_account_is_deleted_by_its_user_or_an_admin(anonymous: TestClient, admin: Person) -> None:
    teacher = make_person(Role.TEACHER)
    assert anonymous.delete(f"{USERS}{teacher.id}/", headers=make_person(Role.STUDENT).headers).status_code == 403
    assert anonymous.delete(f"{USERS}{teacher.id}/", headers=admin.headers).status_code == 204
    assert anonymous.get(f"{USERS}{teacher.id}/", headers=admin.headers).status_code == 404


def test_the_last_admin_cannot_be_deleted_or_demoted(anonymous: TestClient, admin: Person) -> None:
    assert anonymous.delete(f"{USERS}{admin.id}/", headers=admin.headers).status_code == 409
    assert patch(anonymous, admin, admin.id, role="student")[0] == 409
    make_person(Role.ADMIN, name="second")
    assert patch(anonymous, admin, admin.id, role="student")[0] == 200


def test_role_changes_are_recorded_in_the_audit_trail(anonymous: TestClient, admin: Person) -> None:
    student = make_person(Role.STUDENT)
    patch(anonymous, admin, student.id, role="teacher")
    (event,) = anonymous.get("/api/v1/audit/", params={"what": "role_changed"}, headers=admin.headers).json()["items"]
    assert (event["actor_id"], event["subject_id"]) == (admin.id, student.id)
    assert event["details"] == {"before": "student", "after": "teacher"}
    assert event["address"] == "testclient"
    of_student = anonymous.get("/api/v1/audit/", params={"subject_id": student.id}, headers=admin.headers).json()
    assert len(of_student["items"]) == 1


def test_groups_are_created_changed_and_deleted(anonymous: TestClient) -> None:
    teacher = make_person(Role.TEACHER)
    student = make_person(Role.STUDENT)
    groups = "/api/v1/groups/"
    created = anonymous.post(groups, json={"name": "Физики", "colour": "#1E90FF"}, headers=teacher.headers)
    assert (created.status_code, created.json()["colour"]) == (201, "#1e90ff")
    path = created.headers["Location"]
    again = anonymous.post(groups, json={"name": "физики"}, headers=teacher.headers)
    assert (again.status_code, again.json()["errors"][0]["field"]) == (409, "name")
    assert anonymous.post(groups, json={"name": "x", "colour": "red"}, headers=teacher.headers).status_code == 422
    changed = anonymous.patch(path, json={"name": "Lyricists"}, headers=teacher.headers).json()
    assert (changed["name"], changed["colour"]) == ("Lyricists", "#1e90ff")
    assert anonymous.get(groups, headers=student.headers).json() == {"items": [changed], "next": None}
    patch(anonymous, teacher, student.id, group_id=changed["id"])
    assert anonymous.delete(path, headers=teacher.headers).status_code == 204
    assert anonymous.get(f"{USERS}{student.id}/", headers=student.headers).json()["group"] is None
    assert anonymous.get(path, headers=student.headers).status_code == 404


def test_a_request_that_loses_a_deadlock_is_repeated(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from psycopg2.errors import DeadlockDetected
    from sqlalchemy.exc import OperationalError

    from iam.groups import crud

    create, victims = crud.create, [OperationalError("INSERT", {}, DeadlockDetected())]

    def fail_once(*args: Any, **values: Any) -> Any:
        group = create(*args, **values)
        if victims:
            raise victims.pop()
        return group

    monkeypatch.setattr(crud, "create", fail_once)
    assert client.post("/api/v1/groups/", json={"name": "A"}).status_code == 201
    assert [group["name"] for group in client.get("/api/v1/groups/").json()["items"]] == ["A"]
