import contextlib
import signal
import time

import psycopg2
import pytest
from fastapi.testclient import TestClient

from healthcheck import routes
from healthcheck.checks import PRIVATE_LOG
from tests.system import System


def test_the_simple_probes_return_ok(client: TestClient) -> None:
    for path in ("/healthcheck/", "/healthcheck", "/healthcheck/live"):
        response = client.get(path)
        assert (response.status_code, response.text) == (200, "OK")


def test_ready_lists_each_check_with_its_duration(client: TestClient) -> None:
    routes._Latest.at = 0
    response = client.get("/healthcheck/ready?verbose")
    checks = {check["name"]: check for check in response.json()["checks"]}
    assert list(checks) == ["database", "migrations", "replica", "broker", "storage", "database log"]
    assert all(check["ms"] >= 0 for check in checks.values())
    # The tests have no broker: jobs wait in the database, so requests can still be served.
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert checks["broker"]["status"] == "failing"
    assert "checks" not in client.get("/healthcheck/ready").json()


def test_not_ready_before_the_migrations_and_without_a_database(api: System) -> None:
    assert api.client.get("/healthcheck/startup").text == "OK"
    other = api.start_elsewhere(DATABASE_URL=api.environment["DATABASE_URL"].rpartition("/")[0] + "/template1")
    response = other.get("/healthcheck/ready?verbose")
    checks = {check["name"]: check for check in response.json()["checks"]}
    assert (response.status_code, response.json()["status"]) == (503, "failing")
    assert "manage.py migrate" in checks["migrations"]["error"]
    assert other.get("/healthcheck/startup").status_code == 503
    assert other.get("/healthcheck/live").status_code == 200

    without_database = api.start_elsewhere(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    response = without_database.get("/healthcheck/ready?verbose")
    assert response.status_code == 503
    assert without_database.get("/api/v1/users/leaderboard/").status_code == 503


def test_while_draining_requests_are_served_and_readiness_fails(api: System) -> None:
    other = api.start_elsewhere(DRAIN_S="2")
    process = api.last_process
    assert other.get("/healthcheck/ready").status_code == 200
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    response = other.get("/healthcheck/ready")
    assert (response.status_code, response.json()["status"]) == (503, "draining")
    assert other.get("/api/v1/users/leaderboard/").status_code == 200
    assert process.wait(10) in (0, -signal.SIGTERM)


def test_the_metrics_include_requests_and_jobs(client: TestClient) -> None:
    client.get("/api/v1/groups/7/")
    text = client.get("/metrics").text
    assert 'campus_http_requests_total{method="GET",route="/api/v1/groups/{group_id}/",status="404"}' in text
    assert "campus_http_request_seconds_bucket" in text
    assert 'campus_jobs{queue="long",status="queued"} 0.0' in text


@pytest.mark.parametrize("path", ["/nowhere/" + "x" * 20, "/api/v1/nothing"])
def test_unknown_paths_do_not_become_metrics(client: TestClient, path: str) -> None:
    client.get(path)
    assert path not in client.get("/metrics").text


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-123", True), ("x" * 65, False), ("a b", False), ('"}{', False), (None, False)]
)
def test_a_valid_request_id_is_kept_and_an_invalid_one_is_replaced(
    client: TestClient, given: str | None, kept: bool
) -> None:
    response = client.get("/healthcheck/", headers={"X-Request-ID": given} if given else {})
    assert (response.headers["X-Request-ID"] == given) is kept
    assert len(response.headers["X-Request-ID"]) >= 7


def test_a_log_of_postgresql_with_the_data_of_users_is_a_warning(api: System) -> None:
    def check() -> dict[str, str]:
        response = api.start_elsewhere().get("/healthcheck/ready?verbose")
        assert response.status_code == 200
        return next(dict(check) for check in response.json()["checks"] if check["name"] == "database log")

    database = api.environment["DATABASE_URL"].rpartition("/")[2]
    connection = psycopg2.connect(api.environment["DATABASE_URL"])
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        for name, value in {"log_min_error_statement": "error", "log_error_verbosity": "default"}.items():
            cursor.execute(f"ALTER DATABASE {database} SET {name} = '{value}'")
        warning = check()
        assert warning["status"] == "warning"
        assert "log_min_error_statement = error" in warning["error"]
        for name, values in PRIVATE_LOG.items():
            cursor.execute(f"ALTER DATABASE {database} SET {name} = '{values[0]}'")
        assert check()["status"] == "ok"
