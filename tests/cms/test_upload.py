import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from conf._celery.models import Job
from conf.settings import get_settings
from tests.cms.clips import clip
from tests.cms.test_videos import VIDEOS, make
from tests.system import System

Stored = Callable[[], list[str]]
RunJobs = Callable[[], list[Job]]


def send(client: TestClient, video_id: object, content: bytes, name: str = "a.mp4") -> Any:
    return client.post(f"{VIDEOS}{video_id}/upload/", files={"file": (name, content, "video/mp4")})


def test_an_upload_returns_the_video_with_a_queued_job(client: TestClient, stored: Stored) -> None:
    video = make(client)
    response = send(client, video["id"], clip().read_bytes())

    assert response.status_code == 200, response.text
    assert response.json()["status"] == "NOT_PROCESSED"
    assert client.get(f"/api/v1/jobs/{response.json()['job_id']}/").json()["status"] == "queued"
    assert client.get(response.json()["file"]).content == clip().read_bytes()
    assert len(stored()) == 1


def test_processing_makes_the_video_playable_and_keeps_the_original(client: TestClient, run_jobs: RunJobs) -> None:
    video = make(client)
    send(client, video["id"], clip().read_bytes())
    run_jobs()

    done = client.get(f"{VIDEOS}{video['id']}/").json()
    assert (done["status"], done["error"], done["width"], done["height"]) == ("PROCESSED", None, 320, 240)
    assert done["duration_s"] == pytest.approx(2, abs=0.2)
    assert client.get(done["poster_url"]).content.startswith(b"\xff\xd8\xff")
    assert client.get(done["hls_url"]).text.startswith("#EXTM3U")
    assert client.get(done["file"]).content == clip().read_bytes()


def test_a_new_file_replaces_the_old_one_and_its_renditions(
    client: TestClient, run_jobs: RunJobs, stored: Stored, work: Callable[[], list[Path]]
) -> None:
    video = make(client)
    send(client, video["id"], clip().read_bytes())
    run_jobs()
    first = stored()
    send(client, video["id"], clip(size="426x240").read_bytes())
    assert client.get(f"{VIDEOS}{video['id']}/").json()["hls_url"] is None
    run_jobs()

    assert client.get(f"{VIDEOS}{video['id']}/").json()["width"] == 426
    assert len(stored()) == len(first)
    assert not set(stored()) & set(first)
    assert work() == []


def test_a_file_replaced_while_it_is_queued_is_never_processed(client: TestClient, run_jobs: RunJobs) -> None:
    video = make(client)
    jobs = [send(client, video["id"], clip().read_bytes()).json()["job_id"] for _ in range(3)]
    run_jobs()
    states = [client.get(f"/api/v1/jobs/{job}/").json()["status"] for job in jobs]
    assert states == ["cancelled", "cancelled", "succeeded"]


def test_cancelling_the_job_fails_the_video_until_the_job_is_retried(client: TestClient, run_jobs: RunJobs) -> None:
    video = make(client)
    job_id = send(client, video["id"], clip().read_bytes()).json()["job_id"]
    client.post(f"/api/v1/jobs/{job_id}/cancel/")
    cancelled = client.get(f"{VIDEOS}{video['id']}/").json()
    assert (cancelled["status"], cancelled["error"]) == (
        "FAILED",
        "Processing was cancelled. Retry it or upload the file again.",
    )
    client.post(f"/api/v1/jobs/{job_id}/retry/")
    run_jobs()
    done = client.get(f"{VIDEOS}{video['id']}/").json()
    assert (done["status"], done["error"]) == ("PROCESSED", None)


def test_deleting_the_video_removes_its_files(client: TestClient, run_jobs: RunJobs, stored: Stored) -> None:
    video = make(client)
    send(client, video["id"], clip().read_bytes())
    run_jobs()
    client.delete(f"{VIDEOS}{video['id']}/")
    run_jobs()
    assert stored() == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"just some text\n" * 100, 415),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", 415),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", 415),
        (b'<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>', 415),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n", 415),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, 415),
        (b"MZ" + b"\0" * 100, 415),
    ],
    ids=["empty", "text", "hls", "concat", "dash", "sdp", "png", "exe"],
)
def test_a_file_that_is_not_a_video_is_refused_by_its_content(
    client: TestClient, stored: Stored, work: Callable[[], list[Path]], content: bytes, status: int
) -> None:
    video = make(client)
    response = send(client, video["id"], content)
    assert response.status_code == status, response.text
    assert response.json()["errors"][0]["field"] == "file"
    assert client.get(f"{VIDEOS}{video['id']}/").json() == video
    assert stored() == [] == work()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a\0b.mp4", "x" * 300 + ".mp4", "", "..", "видео.mp4", "a\r\nb"]
)
def test_the_file_name_from_the_client_is_never_used(client: TestClient, stored: Stored, name: str) -> None:
    video = make(client)
    boundary = b"b"
    body = b"".join(
        [
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="',
            name.replace("\r\n", "%0D%0A").encode(),
            b'"\r\n\r\n' + clip().read_bytes() + b"\r\n--" + boundary + b"--\r\n",
        ]
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post(f"{VIDEOS}{video['id']}/upload/", content=body, headers=headers)
    assert response.status_code == 200, response.text
    (key,) = stored()
    assert key.startswith(f"videos/{video['id']}/")
    assert key.endswith("/source.mp4")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 415),
        ("multipart/form-data; boundary=b", b"", 422),
        ("multipart/form-data; boundary=b", b"nonsense", 422),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n", 422),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n--b--\r\n',
            422,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut off',
            422,
        ),
    ],
)
def test_an_invalid_multipart_body_is_refused(
    client: TestClient, stored: Stored, content_type: str, body: bytes, status: int
) -> None:
    video = make(client)
    response = client.post(f"{VIDEOS}{video['id']}/upload/", content=body, headers={"Content-Type": content_type})
    assert response.status_code == status, response.text
    assert stored() == []


def test_an_upload_for_a_missing_video_is_refused(client: TestClient, stored: Stored) -> None:
    assert send(client, 99, clip().read_bytes()).status_code == 404
    assert stored() == []


def test_a_file_that_is_too_large_is_refused_before_its_body_is_read(api: System) -> None:
    video = api.client.post(VIDEOS, json={"title": "x"}).json()
    with socket.create_connection(("127.0.0.1", api.port), 5) as connection:
        connection.sendall(
            f"POST {VIDEOS}{video['id']}/upload/ HTTP/1.1\r\nHost: x\r\nContent-Length: {5 * 2**30}\r\n"
            f"Authorization: {api.headers['Authorization']}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode()
        )
        assert b" 413 " in connection.recv(4096).splitlines()[0]


def test_a_file_of_unknown_length_that_is_too_large_is_refused(
    client: TestClient, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "conf.http.uploads.get_settings", lambda: get_settings().model_copy(update={"upload_max_bytes": 1000})
    )
    video = make(client)

    def chunks() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield b"x" * 100

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post(f"{VIDEOS}{video['id']}/upload/", content=chunks(), headers=headers)
    assert response.status_code == 413
    assert stored() == []


def test_an_upload_is_refused_if_the_disk_is_full(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    video = make(client)
    monkeypatch.setattr(
        "conf.work.get_settings", lambda: get_settings().model_copy(update={"disk_reserve_bytes": 2**60})
    )
    response = send(client, video["id"], clip().read_bytes())
    assert (response.status_code, response.headers["Retry-After"]) == (507, "300")


def test_an_aborted_upload_leaves_no_files(api: System) -> None:
    video = api.client.post(VIDEOS, json={"title": "x"}).json()
    with socket.create_connection(("127.0.0.1", api.port), 5) as connection:
        connection.sendall(
            f"POST {VIDEOS}{video['id']}/upload/ HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n"
            f"Authorization: {api.headers['Authorization']}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'.encode()
        )
        connection.sendall(clip().read_bytes() + b"x" * 4_000_000)
        api.wait_for(lambda: len(api.work_folders()) == 1, within_s=5, what="the upload arrives")
    api.wait_for(lambda: not api.work_folders(), within_s=5, what="the partial upload is removed")
    assert api.client.get(f"{VIDEOS}{video['id']}/").json() == video
    assert api.stored() == []
    assert api.client.get("/api/v1/jobs/").json()["items"] == []
