"""Several machines: a release that is rolled out, a replica, a standby, a broker cluster, sweeps from several beats."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from fastapi.testclient import TestClient
from kombu import Connection
from sqlalchemy import text

from conf._celery import app as celery
from conf._celery import publisher, sweep
from conf._celery.enqueue import enqueue
from conf.db.migrate import _heads, missing
from conf.db.session import open_session, write_engine
from conf.settings import get_settings
from tests import probes
from tests.servers import OwnPostgres, RabbitMQ, any_postgres, new_database, open_folder, own_rabbitmq, wait_for
from tests.system import System, system

ME = "/api/v1/auth/me/"


def execute(statement: str) -> None:
    with write_engine().begin() as connection:
        connection.execute(text(statement))


def test_a_newer_revision_of_a_branch_includes_the_older_ones() -> None:
    heads = set(_heads())
    iam = next(head for head in heads if head.startswith("iam_"))
    others = heads - {iam}
    assert missing(heads) == set()
    assert missing(others | {"iam_9999"}) == set()
    assert missing(others) == {iam}
    assert missing(others | {"iam_0001"}) == {iam}
    assert missing(others | {"jobs_9999"}) == {iam}
    assert missing(others | {"iam_new"}) == {iam}


def test_an_old_process_stays_ready_after_a_newer_migration(api: System) -> None:
    with contextlib.closing(psycopg2.connect(api.environment["DATABASE_URL"])) as connection, connection:
        connection.cursor().execute("UPDATE alembic_version SET version_num = 'iam_9999' WHERE version_num ~ '^iam_'")
    other = api.start_elsewhere()
    assert other.get("/healthcheck/ready").status_code == 200


@pytest.fixture
def empty_replica() -> Iterator[str]:
    """A database with the tables and no rows, as a replica that lags behind for ever."""
    from conf.db.models import Model

    with any_postgres() as server, new_database(server) as url:
        from sqlalchemy import create_engine

        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
        Model.metadata.create_all(engine)
        engine.dispose()
        yield url


def test_a_new_session_is_known_although_the_replica_lags_behind(api: System, empty_replica: str) -> None:
    client = api.start_elsewhere(DATABASE_READ_URL=empty_replica)
    client.headers.clear()
    body = {"email": "new@campus.example", "password": "a passphrase of the tests", "first_name": "N", "last_name": "W"}
    token = client.post("/api/v1/auth/register/", json=body).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get(ME, headers=headers).json()["email"] == "new@campus.example"
    assert len(client.get("/api/v1/auth/sessions/", headers=headers).json()) == 1
    assert client.get("/api/v1/jobs/", headers=headers).status_code == 200


def test_the_main_database_serves_reads_while_the_replica_is_down(api: System) -> None:
    client = api.start_elsewhere(DATABASE_READ_URL="postgresql://nobody@127.0.0.1:1/none")
    assert {client.get("/api/v1/groups/").status_code for _ in range(20)} == {200}
    ready = client.get("/healthcheck/ready?verbose")
    checks = {check["name"]: check["status"] for check in ready.json()["checks"]}
    assert (ready.status_code, ready.json()["status"], checks["replica"]) == (200, "degraded", "failing")
    assert "the read replica is unavailable" in api.log()


def test_a_write_to_a_standby_is_503_and_the_process_is_not_ready(tmp_path: Path) -> None:
    with open_folder() as folder:
        server = OwnPostgres(folder)
        with (
            server.running(),
            system(tmp_path / "campus", database_url=server.url, broker_url="redis://127.0.0.1:1/0") as made,
        ):
            headers = made.headers
            made.close()
            (folder / "postgresql" / "standby.signal").touch()
            environment = made.environment
        with server.running():
            campus = System(tmp_path / "standby", database_url=server.url, broker_url="redis://127.0.0.1:1/0")
            try:
                campus.environment |= {"PUBLIC_URL": environment["PUBLIC_URL"]}
                campus.start_api()
                assert campus.client.get("/api/v1/groups/", headers=headers).status_code == 200
                response = campus.client.post("/api/v1/groups/", json={"name": "x"}, headers=headers)
                assert (response.status_code, "Retry-After" in response.headers) == (503, True)
                ready = campus.client.get("/healthcheck/ready?verbose")
                assert ready.status_code == 503
                assert "standby" in ready.text
            finally:
                campus.close()


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    with own_rabbitmq() as server:
        yield server


def test_a_message_goes_to_the_next_broker_of_the_list(
    broker: RabbitMQ, anonymous: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = f"amqp://guest:guest@127.0.0.1:1//;amqp://guest:guest@127.0.0.1:2//;{broker.url}"
    settings = get_settings().model_copy(update={"broker_url": urls})
    monkeypatch.setattr(celery, "get_settings", lambda: settings)
    celery.broker_answers(timeout_s=2)
    with Connection(broker.url) as connection:
        for queue in celery.celery_app.conf.task_queues:
            queue(connection.default_channel).declare()
        one = publisher.Publisher()
        for number in range(3):
            one.publish("tests.note", "short", number)
        one.flush(10)
        short = next(queue for queue in celery.celery_app.conf.task_queues if queue.name == "short")
        found: list[object] = []

        def all_are_there() -> bool:
            message = short(connection.default_channel).get()
            found.extend([message] if message else [])
            return len(found) == 3

        wait_for(all_are_there, within_s=10, what="the messages are in the queue")


def test_a_worker_uses_the_next_broker_of_the_list(broker: RabbitMQ, tmp_path: Path) -> None:
    urls = f"amqp://guest:guest@127.0.0.1:1//;{broker.url}"
    with (
        any_postgres() as server,
        new_database(server) as url,
        system(tmp_path / "campus", database_url=url, broker_url=urls) as campus,
    ):
        campus.start_worker()
        assert campus.client.get("/healthcheck/ready").json()["status"] == "ok"
        body = {"email": "admin@campus.example"}
        assert campus.client.post("/api/v1/auth/password/reset/", json=body).status_code == 202
        folder = Path(campus.environment["DATA_DIR"]) / "mails"
        wait_for(lambda: len(list(folder.glob("*.eml"))) > 0, within_s=30, what="the job is done")


def due_jobs(count: int) -> None:
    with open_session() as db:
        probes.make_notes_table(db)
        for _ in range(count):
            enqueue(db, "tests.note", word="x")
        db.info.clear()
        db.execute(text("UPDATE jobs SET published_at = NULL"))
        db.commit()


def published() -> int:
    with write_engine().begin() as connection:
        return int(connection.execute(text("SELECT count(*) FROM jobs WHERE published_at IS NOT NULL")).scalar_one())


def test_one_sweep_publishes_all_due_jobs(anonymous: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "BATCH", 10)
    monkeypatch.setattr(publisher.Publisher, "publish", lambda *_: None)
    due_jobs(35)
    sweep.sweep()
    assert published() == 35


def test_two_sweeps_at_once_are_one(anonymous: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher.Publisher, "publish", lambda *_: None)
    sweep.sweep()
    due_jobs(1)
    sweep.sweep()
    assert published() == 0
    execute("UPDATE sweeps SET began_at = began_at - interval '1 s'")
    sweep.sweep()
    assert published() == 1


def test_no_message_of_the_sweep_depends_on_the_clock_of_its_sender() -> None:
    (entry,) = celery.celery_app.conf.beat_schedule.values()
    assert "expires" not in entry["options"]
    assert entry["options"]["expiration"] == get_settings().sweep_s


def figures(client: TestClient) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_the_metrics_tell_what_is_due_and_when_the_last_sweep_was(client: TestClient, anonymous: TestClient) -> None:
    due_jobs(3)
    execute("UPDATE jobs SET run_after = now() + interval '1 day' WHERE id = (SELECT min(id) FROM jobs)")
    execute("UPDATE jobs SET run_after = now() - interval '1 hour' WHERE id = (SELECT max(id) FROM jobs)")
    execute("INSERT INTO sweeps (name, began_at) VALUES ('jobs', now() - interval '100 s')")
    found: dict[str, Any] = figures(client)
    assert found['campus_jobs{queue="short",status="queued"}'] == 3
    assert (found['campus_jobs_due{queue="short"}'], found['campus_jobs_due{queue="long"}']) == (2, 0)
    assert 3600 <= found['campus_job_oldest_seconds{queue="short"}'] < 3700
    assert 100 <= found["campus_sweep_age_seconds"] < 110


def test_a_wrong_list_of_brokers_is_refused() -> None:
    from pydantic import ValidationError

    from conf.settings import Settings

    values = {"database_url": "postgresql://x/x", "secret_key": "x" * 40}
    for urls in ("amqp://a;redis://b", "redis://a;redis://b", "amqp://a;http://b"):
        with pytest.raises(ValidationError, match="broker_url"):
            Settings(**values, broker_url=urls)  # type: ignore[arg-type]
    assert Settings(**values, broker_url="amqp://a;amqp://b").broker_url == "amqp://a;amqp://b"  # type: ignore[arg-type]
