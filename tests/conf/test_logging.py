import os
import subprocess
import sys

import pytest

from conf.http.index import handlers
from main import app


@pytest.mark.parametrize("json_lines", ["1", "0"])
def test_a_traceback_in_the_log_contains_no_values(json_lines: str) -> None:
    script = (
        "from fastapi.testclient import TestClient\n"
        "from main import app\n"
        "with TestClient(app) as client: print(client.get('/api/v1/users/leaderboard/').status_code)\n"
    )
    settings = {"DATABASE_URL": "postgresql://campus:TopSecretPw99@127.0.0.1:1/x", "LOG_JSON": json_lines}
    result = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | settings, capture_output=True, text=True, check=True
    )
    assert "503" in result.stdout
    assert "the database is unavailable" in result.stdout
    assert "TopSecretPw99" not in result.stdout + result.stderr


@pytest.mark.parametrize("json_lines", ["1", "0"])
def test_a_database_error_in_the_log_contains_no_values_of_the_row(json_lines: str) -> None:
    script = (
        "import structlog\n"
        "from main import app\n"
        "from sqlalchemy import text\n"
        "from conf.db.session import write_engine\n"
        "row = {'email': 'Some.Body@campus.example', 'hash': 'argon2\\nid$secret'}\n"
        "query = 'INSERT INTO users (email, password_hash, role) VALUES (:email, :hash, 1)'\n"
        "try:\n"
        "    with write_engine().begin() as connection: connection.execute(text(query), row)\n"
        "except Exception as error: structlog.get_logger().error('it failed', exc_info=error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"LOG_JSON": json_lines},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "it failed" in result.stdout
    assert "violates" in result.stdout
    assert "Some.Body" not in result.stdout
    assert "secret" not in result.stdout


def test_every_secret_in_a_path_is_marked() -> None:
    """Names of path parameters that are no ids."""
    marked = {name for handler in handlers(app) for name in handler.secrets}
    names = {
        param.alias for handler in handlers(app) for dependant in handler.dependants for param in dependant.path_params
    }
    harmless = {name for name in names if name.endswith("_id")} | {"key", "name", "version", "who"}
    assert names - harmless == marked
    assert "grant" in marked
