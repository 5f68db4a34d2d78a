"""Pictures of people, and their import from files: what background work makes of uploads."""

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


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 200), **options: Any) -> bytes:
    made = io.BytesIO()
    image = Image.new("RGB", size, "red")
    image.paste("blue", (0, 0, size[0] // 2, size[1]))
    image.save(made, kind, **options)
    return made.getvalue()


def send(client: TestClient, who: Person, user_id: int, content: bytes) -> Any:
    return client.post(f"{USERS}{user_id}/avatar/", files={"file": content}, headers=who.headers)


def shown(client: TestClient, who: Person) -> dict[str, Any]:
    return dict(client.get("/api/v1/auth/me/", headers=who.headers).json())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_made_square_in_two_sizes(anonymous: TestClient, run_jobs: RunJobs, kind: str) -> None:
    me = make_person(Role.STUDENT)
    answer = send(anonymous, me, me.id, picture(kind))
    assert answer.status_code == 202, answer.text
    job = anonymous.get(f"/api/v1/jobs/{answer.json()['job_id']}/", headers=me.headers).json()
    assert (job["name"], job["status"]) == ("iam.users.make_avatar", "queued")
    run_jobs()

    person = shown(anonymous, me)
    for name, size in (("avatar_url", 512), ("avatar_small_url", 96)):
        got = anonymous.get(person[name])
        assert (got.status_code, got.headers["Content-Type"]) == (200, "image/jpeg")
        made = Image.open(io.BytesIO(got.content))
        assert (made.size, made.format) == ((size, size), "JPEG")


def test_a_picture_keeps_nothing_but_what_is_seen(anonymous: TestClient, run_jobs: RunJobs) -> None:
    me = make_person(Role.STUDENT)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "my street and number"
    send(anonymous, me, me.id, picture("JPEG", (600, 600), exif=exif.tobytes()))
    run_jobs()
    content = anonymous.get(shown(anonymous, me)["avatar_url"]).content
    assert b"my street" not in content
    made = Image.open(io.BytesIO(content))
    assert not made.getexif()
    top, bottom = made.getpixel((256, 20)), made.getpixel((256, 490))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[2] > 200  # the blue left half is the upper one, upright
    assert bottom[0] > 200


def test_a_new_picture_takes_the_place_of_the_old_one(
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
    assert shown(anonymous, me)["avatar_url"] is None


def test_a_deleted_person_takes_the_picture_along(
    anonymous: TestClient, run_jobs: RunJobs, stored: Callable[[], list[str]]
) -> None:
    me = make_person(Role.STUDENT)
    send(anonymous, me, me.id, picture())
    assert anonymous.delete(f"{USERS}{me.id}/", headers=me.headers).status_code == 204
    run_jobs()
    assert stored() == []


def test_what_is_no_picture_is_refused_at_once(anonymous: TestClient, stored: Callable[[], list[str]]) -> None:
    me = make_person(Role.STUDENT)
    for content in (b"#!/bin/sh", b"<svg/>", b"%PDF-1.7", b"RIFF\0\0\0\0AVI "):
        assert send(anonymous, me, me.id, content).status_code == 415
    assert send(anonymous, me, me.id, b"\xff\xd8\xff" + b"x" * 11 * 2**20).status_code == 413
    assert stored() == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "damaged"),
        (picture()[:200], "damaged"),
        (picture(size=(20_000, 20_000)), "too large"),
    ],
    ids=["nonsense", "cut", "bomb"],
)
def test_a_bad_picture_fails_with_a_reason(
    anonymous: TestClient, run_jobs: RunJobs, stored: Callable[[], list[str]], content: bytes, reason: str
) -> None:
    me = make_person(Role.STUDENT)
    job_id = send(anonymous, me, me.id, content).json()["job_id"]
    run_jobs()
    job = anonymous.get(f"/api/v1/jobs/{job_id}/", headers=me.headers).json()
    assert job["status"] == "failed"
    assert reason in job["error"]
    assert shown(anonymous, me)["avatar_url"] is None
    run_jobs()
    assert stored() == []


def test_nobody_changes_the_picture_of_another(anonymous: TestClient, admin: Person) -> None:
    me = make_person(Role.STUDENT)
    assert send(anonymous, make_person(Role.TEACHER), me.id, picture()).status_code == 403
    assert send(anonymous, admin, me.id, picture()).status_code == 202
    assert send(anonymous, admin, 99, picture()).status_code == 404


def take_in(client: TestClient, who: Person, csv: str | bytes, **params: Any) -> Any:
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
    answer = take_in(anonymous, admin, csv)
    assert answer.status_code == 202
    assert report(anonymous, admin, answer.json()["id"])["finished_at"] is None
    run_jobs()

    told = report(anonymous, admin, answer.json()["id"])
    assert (told["created"], told["existing"], told["failed"]) == (2, 1, 8)
    assert [(fault["line"], fault["column"]) for fault in told["faults"]] == [
        (3, "email"),
        (7, "first_name"),
        (8, "nickname"),
        (9, "group"),
        (10, "email"),
        (11, ""),
        (12, "points"),
        (13, "role"),
    ]
    assert all(fault["reason"] for fault in told["faults"])
    found = anonymous.get(f"{USERS}search/", params={"q": "Lovelace"}, headers=admin.headers).json()["items"]
    assert (found[0]["points"], found[0]["group"]["name"], found[0]["role"]) == (7, "Physics", "student")
    assert stored() == []


def test_the_same_file_twice_makes_nothing_twice(anonymous: TestClient, admin: Person, run_jobs: RunJobs) -> None:
    csv = "email;first_name;last_name\r\n" + "".join(f"s{n}@campus.example;Имя;Фамилия\r\n" for n in range(1200))
    counts = []
    for _ in range(2):
        answer = take_in(anonymous, admin, b"\xef\xbb\xbf" + csv.encode())
        run_jobs()
        told = report(anonymous, admin, answer.json()["id"])
        counts.append((told["created"], told["existing"], told["failed"]))
    assert counts == [(1200, 0, 0), (0, 1200, 0)]


def test_a_teacher_imports_students_only_and_sees_no_import_of_others(
    anonymous: TestClient, admin: Person, run_jobs: RunJobs
) -> None:
    teacher = make_person(Role.TEACHER)
    csv = "email,first_name,last_name,role\na@campus.example,A,A,admin\nb@campus.example,B,B,student\n"
    import_id = take_in(anonymous, teacher, csv).json()["id"]
    run_jobs()
    told = report(anonymous, teacher, import_id)
    assert (told["created"], told["faults"][0]["column"]) == (1, "role")
    other = make_person(Role.TEACHER, name="other")
    assert anonymous.get(f"{USERS}imports/{import_id}/", headers=other.headers).status_code == 404
    assert anonymous.get(f"{USERS}imports/{import_id}/", headers=admin.headers).status_code == 200


def test_the_invited_get_a_mail(
    anonymous: TestClient, admin: Person, run_jobs: RunJobs, mails: Callable[[], list[str]]
) -> None:
    take_in(anonymous, admin, "email,first_name,last_name\na@campus.example,Ada,Lovelace\n", invite=True)
    run_jobs()
    (mail,) = mails()
    assert "you have an account at Campus now" in mail
    assert "/account/password/#token=" in mail


@pytest.mark.parametrize(
    ("csv", "reason"),
    [
        ("email,first_name\na@b.example,A\n", "'last_name' is missing"),
        ("email,first_name,last_name,password\n", "no column 'password'"),
        ("email,email,first_name,last_name\n", "twice"),
        ("name\n", "no column 'name'"),
        ("\xff\xfe".encode("latin-1"), "not UTF-8"),
        ('email,first_name,last_name\n"a@b.example,A,A\n', "Line 2"),
        ("email,first_name,last_name\n\0,A,A\n", "not text"),
        ("email,first_name,last_name\n" + "a,b,c\n" * 10_001, "at most 10000 rows"),
    ],
    ids=["missing", "unknown", "twice", "other", "encoding", "quote", "nul", "long"],
)
def test_a_file_that_cannot_be_read_is_refused_at_once(
    anonymous: TestClient, admin: Person, stored: Callable[[], list[str]], csv: str | bytes, reason: str
) -> None:
    answer = take_in(anonymous, admin, csv)
    assert answer.status_code == 422
    assert reason in answer.json()["errors"][0]["reason"]
    assert stored() == []


def test_an_import_can_no_more_than_its_owner_can_now(
    anonymous: TestClient, admin: Person, run_jobs: RunJobs, stored: Callable[[], list[str]]
) -> None:
    make_person(Role.ADMIN, name="second")
    csv = "email,first_name,last_name,role\nback@door.example,B,D,admin\n"
    answer = take_in(anonymous, admin, csv)
    anonymous.patch(f"{USERS}{admin.id}/", json={"role": "student"}, headers=admin.headers)
    run_jobs()
    job = anonymous.get(f"/api/v1/jobs/{answer.json()['job_id']}/", headers=admin.headers).json()
    assert (job["status"], "may not make users" in job["error"]) == ("failed", True)
    assert stored() == []
    assert anonymous.post(f"/api/v1/jobs/{job['id']}/retry/", headers=admin.headers).status_code == 409
    assert anonymous.get(f"{USERS}search/?q=back", headers=admin.headers).json()["items"] == []


def test_a_cancelled_import_leaves_no_file(
    anonymous: TestClient, admin: Person, run_jobs: RunJobs, stored: Callable[[], list[str]]
) -> None:
    answer = take_in(anonymous, admin, "email,first_name,last_name\na@campus.example,A,A\n").json()
    assert len(stored()) == 1
    anonymous.post(f"/api/v1/jobs/{answer['job_id']}/cancel/", headers=admin.headers)
    run_jobs()
    assert stored() == []
    again = anonymous.post(f"/api/v1/jobs/{answer['job_id']}/retry/", headers=admin.headers)
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "This job cannot be retried because its file has been removed. Upload the file again.",
    )
