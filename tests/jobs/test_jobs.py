import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from conf._celery import sweep
from conf._celery.enqueue import enqueue, task_of
from conf._celery.models import Job
from conf.db.dependencies import with_db_session
from conf.db.session import write_engine
from conf.http.streams import MAX_STREAMS
from tests import probes
from tests.servers import wait_for
from tests.system import System

JOBS = "/api/v1/jobs/"
RunJobs = Callable[[], list[Job]]


@with_db_session
def put(name: str, *, db: object, delay_s: float = 0, **args: object) -> int:
    return enqueue(db, name, delay_s=delay_s, **args).id  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _notes() -> Iterator[None]:
    with write_engine().begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS notes (word text NOT NULL)"))
    yield
    with write_engine().begin() as connection:
        connection.execute(text("DROP TABLE notes"))


def notes() -> list[str]:
    return with_db_session(lambda *, db: probes.notes(db))()


def state(client: TestClient, job_id: int) -> dict[str, object]:
    return dict(client.get(f"{JOBS}{job_id}/").json())


def test_a_job_runs_once_and_is_marked_as_succeeded(client: TestClient, run_jobs: RunJobs) -> None:
    job_id = put("tests.note", word="a")
    run_jobs()
    task_of("tests.note")(job_id)
    job = state(client, job_id)
    assert (job["status"], job["progress"], job["attempt"], job["error"]) == ("succeeded", 100, 1, None)
    assert notes() == ["a"]


def test_a_rollback_discards_the_job(client: TestClient) -> None:
    @with_db_session
    def fail(*, db: object) -> None:
        enqueue(db, "tests.note", word="never")  # type: ignore[arg-type]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert client.get(JOBS).json() == {"items": [], "next": None}


def test_a_temporary_error_is_retried_and_failed_attempts_have_no_effect(client: TestClient, run_jobs: RunJobs) -> None:
    job_id = put("tests.refuse", again=True)
    for _ in range(40):
        run_jobs()
        if state(client, job_id)["status"] == "succeeded":
            break
        time.sleep(0.05)
    assert state(client, job_id)["attempt"] == 3
    assert notes() == ["never kept"]


def test_a_permanent_error_fails_the_job_at_once_with_its_reason(client: TestClient, run_jobs: RunJobs) -> None:
    job_id = put("tests.refuse", again=False)
    run_jobs()
    job = state(client, job_id)
    assert (job["status"], job["attempt"], job["error"]) == ("failed", 1, "It is broken.")
    assert notes() == []


def test_an_unexpected_error_reveals_no_internal_details(client: TestClient, run_jobs: RunJobs) -> None:
    job_id = put("tests.stumble")
    for _ in range(40):
        run_jobs()
        if state(client, job_id)["status"] == "failed":
            break
        time.sleep(0.05)
    job = state(client, job_id)
    assert (job["attempt"], job["error"]) == (2, "Something went wrong on our side.")


def test_a_delayed_job_waits(client: TestClient, run_jobs: RunJobs) -> None:
    job_id = put("tests.note", delay_s=0.5, word="later")
    run_jobs()
    assert state(client, job_id)["status"] == "queued"
    task_of("tests.note")(job_id)
    assert notes() == []
    time.sleep(0.6)
    run_jobs()
    assert notes() == ["later"]


def test_a_queued_job_is_cancelled_at_once(client: TestClient, run_jobs: RunJobs) -> None:
    job_id = put("tests.note", word="a")
    response = client.post(f"{JOBS}{job_id}/cancel/")
    assert (response.status_code, response.json()["status"]) == (202, "cancelled")
    task_of("tests.note")(job_id)
    run_jobs()
    assert notes() == []
    assert client.post(f"{JOBS}{job_id}/cancel/").status_code == 409


def test_a_running_job_is_cancelled_within_seconds(client: TestClient) -> None:
    job_id = put("tests.wait", seconds=30)
    worker = threading.Thread(target=task_of("tests.wait"), args=(job_id,))
    worker.start()
    while state(client, job_id)["status"] != "running":
        time.sleep(0.02)
    assert client.post(f"{JOBS}{job_id}/cancel/").json()["cancel_requested"] is True
    worker.join(5)
    assert state(client, job_id)["status"] == "cancelled"
    assert notes() == []


def test_a_failed_job_can_be_retried_by_the_user(client: TestClient, run_jobs: RunJobs) -> None:
    job_id = put("tests.refuse", again=False)
    run_jobs()
    response = client.post(f"{JOBS}{job_id}/retry/")
    assert (response.status_code, response.json()["status"]) == (202, "queued")
    run_jobs()
    assert state(client, job_id)["attempt"] == 2
    done = put("tests.note", word="a")
    run_jobs()
    assert client.post(f"{JOBS}{done}/retry/").status_code == 409
    assert client.post(f"{JOBS}999/retry/").status_code == 404


def test_only_the_holder_of_the_lease_can_end_a_job(client: TestClient) -> None:
    """A worker that pauses for longer than its lease has no effect if another worker has done the job meanwhile."""
    job_id = put("tests.wait", seconds=1.0)
    paused = threading.Thread(target=task_of("tests.wait"), args=(job_id,))
    paused.start()
    while state(client, job_id)["status"] != "running":
        time.sleep(0.02)
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE jobs SET lease_until = now() - interval '1 s'"))
    task_of("tests.wait")(job_id)
    paused.join(10)
    job = state(client, job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert notes() == ["waited"]


def test_the_sweep_requeues_a_job_whose_lease_has_expired(client: TestClient, run_jobs: RunJobs) -> None:
    job_id = put("tests.note", word="a")
    with write_engine().begin() as connection:
        connection.execute(
            text("UPDATE jobs SET status = 'running', attempt = 1, lease_until = now() - interval '1 s'")
        )
    sweep.sweep()
    assert state(client, job_id)["status"] == "queued"
    time.sleep(0.1)
    run_jobs()
    assert state(client, job_id)["attempt"] == 2


def test_the_sweep_fails_a_job_that_has_no_attempts_left(client: TestClient) -> None:
    job_id = put("tests.stumble")
    with write_engine().begin() as connection:
        connection.execute(
            text("UPDATE jobs SET status = 'running', attempt = 2, lease_until = now() - interval '1 s'")
        )
    sweep.sweep()
    job = state(client, job_id)
    assert (job["status"], job["error"]) == ("failed", "The worker stopped in the middle of the work.")


def test_old_jobs_are_deleted(client: TestClient, run_jobs: RunJobs) -> None:
    old, new = put("tests.note", word="old"), put("tests.note", word="new")
    run_jobs()
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE jobs SET finished_at = now() - interval '40 days' WHERE id = :id"), {"id": old})
    sweep.prune()
    assert client.get(f"{JOBS}{old}/").status_code == 404
    assert client.get(f"{JOBS}{new}/").status_code == 200


def test_an_unknown_task_is_refused_when_it_is_enqueued() -> None:
    with pytest.raises(LookupError, match="no installed resource"):
        put("cms.videos.proces", video_id=1)


def test_the_cursor_leads_through_all_pages(client: TestClient) -> None:
    ids = [put("tests.note", word=str(n)) for n in range(5)]
    seen: list[int] = []
    page = client.get(JOBS, params={"limit": 2})
    while True:
        seen += [job["id"] for job in page.json()["items"]]
        if page.json()["next"] is None:
            break
        address = page.headers["Link"].partition(">")[0].removeprefix("<")
        assert page.links["next"]["url"] == address
        page = client.get(address)
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    "query",
    ["cursor=x", "cursor=", "cursor=LTE", "limit=0", "limit=101", "status=done", "name=%00", "name=" + "x" * 101],
)
def test_invalid_query_parameters_are_refused(client: TestClient, query: str) -> None:
    assert client.get(f"{JOBS}?{query}").status_code == 422


def test_jobs_can_be_filtered_by_status_and_name(client: TestClient, run_jobs: RunJobs) -> None:
    done = put("tests.note", word="a")
    run_jobs()
    waiting = put("tests.wait", seconds=1)
    assert [job["id"] for job in client.get(JOBS, params={"status": "succeeded"}).json()["items"]] == [done]
    assert [job["id"] for job in client.get(JOBS, params={"name": "tests.wait"}).json()["items"]] == [waiting]


def events(stream_text: str) -> list[tuple[int, dict[str, object]]]:
    """Return the id and the job of each event in the stream."""
    found = []
    for block in stream_text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if lines.get("event") == "job":
            found.append((int(lines["id"]), json.loads(lines["data"])))
    return found


def test_events_report_every_change_until_the_end_and_can_be_resumed(client: TestClient) -> None:
    job_id = put("tests.wait", seconds=2.0)
    worker = threading.Thread(target=task_of("tests.wait"), args=(job_id,))
    worker.start()
    response = client.get(f"{JOBS}{job_id}/events/")
    worker.join()
    received = events(response.text)
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert [number for number, _ in received] == sorted({number for number, _ in received})
    assert received[-1][1]["status"] == "succeeded"
    assert any(0 < job["progress"] < 100 for _, job in received)  # type: ignore[operator]

    resumed = events(client.get(f"{JOBS}{job_id}/events/", headers={"Last-Event-ID": str(received[-2][0])}).text)
    assert resumed == received[-1:]
    assert events(client.get(f"{JOBS}{job_id}/events/", headers={"Last-Event-ID": str(received[-1][0])}).text) == []


def test_events_of_an_unknown_job_or_after_an_invalid_event_id_are_refused(client: TestClient) -> None:
    assert client.get(f"{JOBS}999/events/").status_code == 404
    job_id = put("tests.note", word="a")
    assert client.get(f"{JOBS}{job_id}/events/", headers={"Last-Event-ID": "x"}).status_code == 422


def test_an_account_has_few_open_streams(api: System) -> None:
    api.client.post("/api/v1/auth/password/reset/", json={"email": "admin@campus.example"})
    path = f"{JOBS}{api.client.get(JOBS).json()['items'][0]['id']}/events/"
    opened: list[Iterator[str]] = []  # an iterator that nobody holds would close its stream
    with contextlib.ExitStack() as streams:
        for _ in range(MAX_STREAMS):
            response = streams.enter_context(api.client.stream("GET", path))
            assert response.status_code == 200
            opened.append(response.iter_lines())
            next(opened[-1])
        assert api.client.get(path).status_code == 429
    wait_for(lambda: _opens(api, path), within_s=10, what="the streams have ended")


def _opens(api: System, path: str) -> bool:
    with api.client.stream("GET", path) as response:
        return response.status_code == 200


def test_a_client_that_disconnects_from_the_events_causes_no_error(api: System) -> None:
    api.client.post("/api/v1/auth/email/")
    job_id = api.client.get(JOBS).json()["items"][0]["id"]
    for _ in range(5):
        with api.client.stream("GET", f"{JOBS}{job_id}/events/") as stream:
            next(stream.iter_lines())
    assert api.client.get("/healthcheck/").text == "OK"
    assert "Traceback" not in api.log()


def test_a_job_of_an_uninstalled_resource_does_not_block_other_jobs(client: TestClient) -> None:
    mine = put("tests.note", word="a")
    with write_engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO jobs (name, args, queue, status, attempt, max_attempts, run_after, publish_count,"
                " lease_until, cancel_requested, progress, version)"
                " VALUES ('school.medals.award', '{}', 'short', 'running', 1, 3,"
                " now(), 1, now() - interval '1 s', false, 0, 1)"
            )
        )
        connection.execute(
            text(
                "UPDATE jobs SET status = 'running', attempt = 1, lease_until = now() - interval '1 s' WHERE id = :id"
            ),
            {"id": mine},
        )
    sweep.sweep()
    uninstalled = client.get(JOBS, params={"name": "school.medals.award"}).json()["items"][0]
    assert (uninstalled["status"], uninstalled["error"]) == ("failed", "The worker stopped in the middle of the work.")
    assert state(client, mine)["status"] == "queued"
    assert client.post(f"{JOBS}{uninstalled['id']}/retry/").status_code == 409


def test_a_failing_status_handler_does_not_block_other_jobs(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [put("tests.stumble"), put("tests.note", word="a")]
    with write_engine().begin() as connection:
        connection.execute(
            text("UPDATE jobs SET status = 'running', attempt = 1, lease_until = now() - interval '1 s'")
        )

    def fail(_db: object, _job: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(task_of("tests.stumble"), "_status_handler", fail)
    sweep.sweep()
    assert [state(client, job_id)["status"] for job_id in ids] == ["running", "queued"]


def test_a_job_whose_message_was_lost_is_published_again_with_backoff(client: TestClient) -> None:
    put("tests.note", word="a")

    def publish_count() -> int:
        with write_engine().begin() as connection:
            return int(connection.execute(text("SELECT publish_count FROM jobs")).scalar_one())

    def let_pass(seconds: float) -> None:
        with write_engine().begin() as connection:
            connection.execute(
                text("UPDATE jobs SET published_at = published_at - make_interval(secs => :s)"), {"s": seconds}
            )
            connection.execute(text("DELETE FROM sweeps"))  # or the next one would be too early

    counts = []
    for seconds in (0, 1.1, 1.1, 1.1, 2.1):
        let_pass(seconds)
        sweep.sweep()
        counts.append(publish_count())
    assert counts == [1, 2, 2, 3, 3]
