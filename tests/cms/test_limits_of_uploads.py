"""Disk space, quotas, uploads at once, and the work that a video is."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from starlette.requests import Request

from cms.videos import workload
from conf.db.session import open_session, write_engine
from conf.errors import StorageFull
from conf.http import uploads
from conf.settings import get_settings
from conf.storage import usage
from conf.storage.incoming import IncomingFile
from conf.work import work_folder
from iam.roles import Role
from tests.cms.clips import clip
from tests.people import Person, make_person

VIDEOS = "/api/v2/videos/"


def make(client: TestClient, **headers: str) -> str:
    return str(client.post(VIDEOS, json={"title": "x"}, headers=headers).headers["Location"])


def upload(client: TestClient, path: str, file: Path, **headers: str) -> Any:
    return client.post(f"{path}upload/", files={"file": file.read_bytes()}, headers=headers)


def set_quota(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    small = get_settings().model_copy(update={"quota_bytes": size})
    monkeypatch.setattr("conf.storage.usage.get_settings", lambda: small)


def used(person: Person) -> int:
    with open_session() as db:
        return usage.used_bytes(db, owner_id=person.id)


def test_an_account_stores_no_more_than_its_quota(
    anonymous: TestClient, monkeypatch: pytest.MonkeyPatch, stored: Callable[[], list[str]]
) -> None:
    teacher, other = make_person(Role.TEACHER), make_person(Role.TEACHER, name="other")
    size = clip().stat().st_size
    set_quota(monkeypatch, 2 * size)
    first, second, third = (make(anonymous, **teacher.headers) for _ in range(3))
    assert upload(anonymous, first, clip(), **teacher.headers).status_code == 200
    assert upload(anonymous, second, clip(), **teacher.headers).status_code == 507
    assert used(teacher) == size
    set_quota(monkeypatch, 2 * size + 2000)
    assert upload(anonymous, second, clip(), **teacher.headers).status_code == 200
    refused = upload(anonymous, third, clip(), **teacher.headers)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (507, "file")
    assert "GiB" in refused.json()["detail"]
    assert upload(anonymous, make(anonymous, **other.headers), clip(), **other.headers).status_code == 200
    assert anonymous.delete(first, headers=teacher.headers).status_code == 204
    assert used(teacher) == size
    assert upload(anonymous, third, clip(), **teacher.headers).status_code == 200
    assert len(stored()) == 4


def test_what_is_made_of_a_file_counts_too(client: TestClient, admin: Person, run_jobs: Any) -> None:
    upload(client, make(client), clip())
    before = used(admin)
    run_jobs()
    assert used(admin) > before
    with write_engine().begin() as connection:
        folders = connection.execute(text("SELECT count(*), sum(size_bytes) FROM stored_folders")).one()
    assert (folders[0], int(folders[1])) == (2, used(admin))


def test_a_chunked_upload_stops_when_the_disk_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = written = 0

    def need_disk(size: int) -> None:
        nonlocal written
        written += size
        if written > 3 * uploads.BLOCK:
            raise StorageFull("full")

    async def receive() -> dict[str, Any]:
        nonlocal sent
        begin = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if not sent else b""
        sent += 100_000
        return {"type": "http.request", "body": begin + bytes(100_000), "more_body": True}

    monkeypatch.setattr(uploads, "need_disk", need_disk)
    request = Request({"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=b")]}, receive)
    part = uploads.FilePart(max_bytes=None, sniff=None)
    with pytest.raises(StorageFull):
        asyncio.run(uploads.receive_file(request, IncomingFile(tmp_path / "file"), part))
    assert sent < 5 * uploads.BLOCK


def test_an_account_uploads_few_files_at_once(client: TestClient, admin: Person) -> None:
    path = make(client)
    with contextlib.ExitStack() as others:
        for _ in range(uploads.MAX_UPLOADS):
            others.enter_context(work_folder(f"upload-{admin.id}"))
        assert upload(client, path, clip()).status_code == 429
    assert upload(client, path, clip()).status_code == 200


def test_the_work_of_a_video_is_estimated_at_the_upload(client: TestClient, run_jobs: Any) -> None:
    path = make(client)
    made = upload(client, path, clip(size="640x360", seconds=4)).json()
    assert made["estimate_s"] == 1
    run_jobs()
    with write_engine().begin() as connection:
        work = connection.execute(text("SELECT workload FROM videos")).scalar_one()
        connection.execute(text("UPDATE jobs SET started_at = finished_at - interval '1000 s' WHERE name LIKE 'cms%'"))
    assert work == pytest.approx(640 * 360 * 25 * 4 + 4 * workload.SOUND_PIXELS, rel=0.3)
    other = upload(client, make(client), clip(size="640x360", seconds=4)).json()
    assert other["estimate_s"] == pytest.approx(1000, rel=0.05)


def test_a_video_with_too_many_pixels_is_refused_at_the_upload_and_by_the_job(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, run_jobs: Any
) -> None:
    small = get_settings().model_copy(update={"video_max_pixels": 5_000_000})
    path = make(client)
    assert upload(client, path, clip(size="640x360", seconds=4)).status_code == 200
    monkeypatch.setattr(workload, "get_settings", lambda: small)
    refused = upload(client, make(client), clip(size="640x360", seconds=4))
    assert refused.status_code == 422
    assert "640×360 at 25 frames/s" in refused.json()["detail"]
    run_jobs()
    assert client.get(path).json()["status"] == "FAILED"
    assert "too long for its size" in client.get(path).json()["error"]


def test_uploaders_take_turns(anonymous: TestClient) -> None:
    from conf._celery.enqueue import enqueue, task_of
    from tests import probes

    with open_session() as db:
        probes.make_notes_table(db)
        jobs = [
            enqueue(db, "tests.turn", owner_id=owner, word=word)
            for owner, word in ((1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (None, "c1"))
        ]
        db.commit()
        ids = [job.id for job in jobs]
    for job_id in ids:
        task_of("tests.turn")(job_id)
    with open_session() as db:
        done = db.execute(
            text("SELECT args->>'word' FROM jobs WHERE status = 'succeeded' ORDER BY finished_at")
        ).scalars()
        words = list(done)
    assert words[0] == "a1"
    assert set(words[1:3]) == {"b1", "c1"}
    assert words[3:] == ["a2", "a3"]
