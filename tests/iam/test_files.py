"""Uploads that jobs process: profile pictures, and imports of users."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from conf._celery.models import Job
from iam.roles import Role
from tests.people import Person, make_person

RunJobs = Callable[[], list[Job]]
USERS = "/api/v1/users/"


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 200), mode: str = "RGB", **options: Any) -> bytes:
    content = io.BytesIO()
    image = Image.new(mode, size, "red" if mode == "RGB" else 0)
    if mode == "RGB":
        image.paste("blue", (0, 0, size[0] // 2, size[1]))
    image.save(content, kind, **options)
    return content.getvalue()


def send(client: TestClient, who: Person, user_id: int, content: bytes) -> Any:
    return client.post(f"{USERS}{user_id}/avatar/", files={"file": content}, headers=who.headers)


def me_of(client: TestClient, who: Person) -> dict[str, Any]:
    return dict(client.get("/api/v1/auth/me/", headers=who.headers).json())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_becomes_square_in_two_sizes(anonymous: TestClient, run_jobs: RunJobs, kind: str) -> None:
    me = make_person(Role.STUDENT)
    response = send(anonymous, me, me.id, picture(kind))
    assert response.status_code == 202, response.text
    job = anonymous.get(f"/api/v1/jobs/{response.json()['job_id']}/", headers=me.headers).json()
    assert (job["name"], job["status"]) == ("iam.users.make_avatar", "queued")
    run_jobs()

    person = me_of(anonymous, me)
    for name, size in (("avatar_url", 512), ("avatar_small_url", 96)):
        got = anonymous.get(person[name])
        assert (got.status_code, got.headers["Content-Type"]) == (200, "image/jpeg")
        image = Image.open(io.BytesIO(got.content))
        assert (image.size, image.format) == ((size, size), "JPEG")


def test_a_picture_is_turned_upright_and_loses_its_metadata(anonymous: TestClient, run_jobs: RunJobs) -> None:
    me = make_person(Role.STUDENT)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated by 90 degrees
    exif[0x010E] = "my street and number"
    send(anonymous, me, me.id, picture("JPEG", (600, 600), exif=exif.tobytes()))
    run_jobs()
    content = anonymous.get(me_of(anonymous, me)["avatar_url"]).content
    assert b"my street" not in content
    image = Image.open(io.BytesIO(content))
    assert not image.getexif()
    top, bottom = image.getpixel((256, 20)), image.getpixel((256, 490))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[2] > 200  # upright, the blue left half is at the top
    assert bottom[0] > 200


def test_a_new_picture_replaces_the_old_one(
    anonymous: TestClient, run_jobs: RunJobs, stored: Callable[[], list[str]]
) -> None:
    me = make_person(Role.STUDENT)
    for _ in range(2):
        send(anonymous, me, me.id, picture())
        run_jobs()
    assert len(stored()) == 2
    send(anonymous, me, me.id, picture())
    send(anonymous, me, me.id, picture())
    run_jobs()
    assert len(stored()) == 2
    assert anonymous.delete(f"{USERS}{me.id}/avatar/", headers=me.headers).status_code == 204
    run_jobs()
    assert stored() == []
    assert me_of(anonymous, me)["avatar_url"] is None


def test_deleting_a_user_deletes_the_picture(
    anonymous: TestClient, run_jobs: RunJobs, stored: Callable[[], list[str]]
) -> None:
    me = make_person(Role.STUDENT)
    send(anonymous, me, me.id, picture())
    assert anonymous.delete(f"{USERS}{me.id}/", headers=me.headers).status_code == 204
    run_jobs()
    assert stored() == []


def test_a_file_that_is_not_a_picture_is_refused_at_once(
    anonymous: TestClient, stored: Callable[[], list[str]]
) -> None:
    me = make_person(Role.STUDENT)
    for content in (b"#!/bin/sh", b"<svg/>", b"%PDF-1.7", b"RIFF\0\0\0\0AVI "):
        assert send(anonymous, me, me.id, content).status_code == 415
    assert send(anonymous, me, me.id, b"\xff\xd8\xff" + b"x" * 11 * 2**20).status_code == 413
    assert stored() == []


@pytest.mark.parametrize(
    ("create", "reason"),
    [
        (lambda: b"\x89PNG\r\n\x1a\n" + b"x" * 100, "damaged"),
        (lambda: picture()[:200], "damaged"),
        (lambda: picture(size=(20_000, 20_000), mode="1"), "too large"),
    ],
    ids=["nonsense", "cut", "bomb"],
)
def test_a_damaged_or_too_large_picture_fails_with_a_reason(
    anonymous: TestClient, run_jobs: RunJobs, stored: Callable[[], list[str]], create: Callable[[], bytes], reason: str
) -> None:
    me = make_person(Role.STUDENT)
    job_id = send(anonymous, me, me.id, create()).json()["job_id"]
    run_jobs()
    job = anonymous.get(f"/api/v1/jobs/{job_id}/", headers=me.headers).json()
    assert job["status"] == "failed"
    assert reason in job["error"]
    assert me_of(anonymous, me)["avatar_url"] is None
    run_jobs()
    assert stored() == []


def test_only_the_user_and_admins_change_a_picture(anonymous: TestClient, admin: Person) -> None:
    me = make_person(Role.STUDENT)
    assert send(anonymous, make_person(Role.TEACHER), me.id, picture()).status_code == 403
    assert send(anonymous, admin, me.id, picture()).status_code == 202
    assert send(anonymous, admin, 99, picture()).status_code == 404


def import_csv(client: TestClient, who: Person, csv: str | bytes, **params: Any) -> Any:
    content = csv.encode() if isinstance(csv, str) else csv
    return client.post(f"{USERS}import/", files={"file": content}, params=params, headers=who.headers)


def report(client: TestClient, who: Person, import_id: int) -> dict[str, Any]:
    return dict(client.get(f"{USERS}imports/{import_id}/", headers=who.headers).json())


def test_good_rows_become_users_and_bad_ones_are_reported(
    anonymous: TestClient, admin: Person, run_jobs: RunJobs, stored: Callable[[], list[str]]
) -> None:
    make_person(Role.STUDENT, nickname="taken")
    anonymous.post("/api/v1/groups/", json={"name": "Physics"}, headers=admin.headers)
    csv = """email,first_name,last_name,nickname,role,group,points
a@campus.example,Ada,Lovelace,,,physics,7
nonsense,Bad,Email,,,,
student@campus.example,Already,There,,,,
b@campus.example,"Emmy, with",Noether,,Teacher,,

c@campus.example,,Nameless,,,,
d@campus.example,Dup,Nick,TAKEN,,,
e@campus.example,No,Group,,,Chemistry,
A@campus.example,Twice,InFile,,,,
f@campus.example,Too,Few
g@campus.example,Bad,Points,,,,many
h@campus.example,Bad,Role,,king,,
"""
    response = import_csv(anonymous, admin, csv)
    assert response.status_code == 202
    assert report(anonymous, admin, response.json()["id"])["finished_at"] is None
    run_jobs()

    result = report(anonymous, admin, response.json()["id"])
    assert (result["created"], result["existing"], result["failed"]) == (2, 1, 8)
    assert [(fault["line"], fault["column"]) for fault in result["faults"]] == [
        (3, "email"),
        (7, "first_name"),
        (8, "nickname"),
        (9, "group"),
        (10, "email"),
        (11, ""),
        (12, "points"),
        (13, "role"),
    ]
    assert all(fault["reason"] for fault in result["faults"])
    found = anonymous.get(f"{USERS}search/", params={"q": "Lovelace"}, headers=admin.headers).json()["items"]
    assert (found[0]["points"], found[0]["group"]["name"], found[0]["role"]) == (7, "Physics", "student")
    assert stored() == []


def test_importing_a_file_twice_creates_no_duplicates(anonymous: TestClient, admin: Person, run_jobs: RunJobs) -> None:
    csv = "email;first_name;last_name\r\n" + "".join(f"s{n}@campus.example;Имя;Фамилия\r\n" for n in range(1200))
    counts = []
    for _ in range(2):
        response = import_csv(anonymous, admin, b"\xef\xbb\xbf" + csv.encode())
        run_jobs()
        result = report(anonymous, admin, response.json()["id"])
        counts.append((result["created"], result["existing"], result["failed"]))
    assert counts == [(1200, 0, 0), (0, 1200, 0)]


def test_teachers_import_students_only_and_see_only_their_own_imports(
    anonymous: TestClient, admin: Person, run_jobs: RunJobs
) -> None:
    teacher = make_person(Role.TEACHER)
    csv = "email,first_name,last_name,role\na@campus.example,A,A,admin\nb@campus.example,B,B,student\n"
    import_id = import_csv(anonymous, teacher, csv).json()["id"]
    run_jobs()
    result = report(anonymous, teacher, import_id)
    assert (result["created"], result["faults"][0]["column"]) == (1, "role")
    other = make_person(Role.TEACHER, name="other")
    assert anonymous.get(f"{USERS}imports/{import_id}/", headers=other.headers).status_code == 404
    assert anonymous.get(f"{USERS}imports/{import_id}/", headers=admin.headers).status_code == 200


def test_invited_users_get_a_mail(
    anonymous: TestClient, admin: Person, run_jobs: RunJobs, mails: Callable[[], list[str]]
) -> None:
    import_csv(anonymous, admin, "email,first_name,last_name\na@campus.example,Ada,Lovelace\n", invite=True)
    run_jobs()
    (mail,) = mails()
    assert "You now have an account at Campus" in mail
    assert "/account/password/#token=" in mail


@pytest.mark.parametrize(
    ("csv", "reason"),
    [
        ("email,first_name\na@b.example,A\n", "'last_name' is missing"),
        ("email,first_name,last_name,password\n", "unknown column 'password'"),
        ("email,email,first_name,last_name\n", "twice"),
        ("name\n", "unknown column 'name'"),
        ("\xff\xfe".encode("latin-1"), "not valid UTF-8"),
        ('email,first_name,last_name\n"a@b.example,A,A\n', "Line 2"),
        ("email,first_name,last_name\n\0,A,A\n", "not a text file"),
        ("email,first_name,last_name\n" + "a,b,c\n" * 10_001, "at most 10000 rows"),
    ],
    ids=["missing", "unknown", "twice", "other", "encoding", "quote", "nul", "long"],
)
def test_a_file_that_cannot_be_read_is_refused_at_once(
    anonymous: TestClient, admin: Person, stored: Callable[[], list[str]], csv: str | bytes, reason: str
) -> None:
    response = import_csv(anonymous, admin, csv)
    assert response.status_code == 422
    assert reason in response.json()["errors"][0]["reason"]
    assert stored() == []


def test_an_import_has_only_the_permissions_that_its_owner_has_now(
    anonymous: TestClient, admin: Person, run_jobs: RunJobs, stored: Callable[[], list[str]]
) -> None:
    make_person(Role.ADMIN, name="second")
    csv = "email,first_name,last_name,role\nback@door.example,B,D,admin\n"
    response = import_csv(anonymous, admin, csv)
    anonymous.patch(f"{USERS}{admin.id}/", json={"role": "student"}, headers=admin.headers)
    run_jobs()
    job = anonymous.get(f"/api/v1/jobs/{response.json()['job_id']}/", headers=admin.headers).json()
    assert (job["status"], "may no longer create users" in job["error"]) == ("failed", True)
    assert stored() == []
    assert anonymous.post(f"/api/v1/jobs/{job['id']}/retry/", headers=admin.headers).status_code == 409
    assert anonymous.get(f"{USERS}search/?q=back", headers=admin.headers).json()["items"] == []


def test_a_cancelled_import_leaves_no_file(
    anonymous: TestClient, admin: Person, run_jobs: RunJobs, stored: Callable[[], list[str]]
) -> None:
    response = import_csv(anonymous, admin, "email,first_name,last_name\na@campus.example,A,A\n").json()
    assert len(stored()) == 1
    anonymous.post(f"/api/v1/jobs/{response['job_id']}/cancel/", headers=admin.headers)
    run_jobs()
    assert stored() == []
    again = anonymous.post(f"/api/v1/jobs/{response['job_id']}/retry/", headers=admin.headers)
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "This job cannot be retried because its file has been removed. Upload the file again.",
    )
