"""`manage.py` as operators call it. An error is one line on standard error, with exit status 2."""

import os
import subprocess
import sys

import pytest
from fastapi.testclient import TestClient

from tests.people import PASSWORD
from tests.system import ROOT


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    given = {name: value for name, value in (os.environ | environment).items() if value is not None}
    return subprocess.run(command, env=given, cwd=ROOT, capture_output=True, text=True, check=False)


def test_create_admin_creates_an_admin(anonymous: TestClient) -> None:
    made = manage("create-admin", "--email", "Root@campus.example", CAMPUS_PASSWORD=PASSWORD)
    assert (made.returncode, made.stdout) == (0, "root@campus.example is an admin now.\n")
    credentials = {"email": "root@campus.example", "password": PASSWORD}
    tokens = anonymous.post("/api/v1/auth/login/", json=credentials).json()
    me = anonymous.get("/api/v1/auth/me/", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    assert (me["role"], "audit:read" in me["permissions"]) == ("admin", True)

    again = manage("create-admin", "--email", "root@campus.example", CAMPUS_PASSWORD=PASSWORD)
    assert (again.returncode, again.stderr) == (2, "campus: Another account already has this e-mail address.\n")


@pytest.mark.parametrize(
    ("arguments", "password", "reason"),
    [
        (["--email", "nonsense"], PASSWORD, "valid email"),
        (["--email", "a@campus.example"], "password", "too easy to guess"),
        (["--email", "a@campus.example"], "short", "8 to 256"),
        (["--email", "a@campus.example", "--first-name", ""], PASSWORD, "at least 1"),
        (["--email", "a@campus.example", "--first-name", "a\nb"], PASSWORD, "control characters"),
    ],
)
def test_create_admin_reports_invalid_values_in_one_line(
    anonymous: TestClient, arguments: list[str], password: str, reason: str
) -> None:
    done = manage("create-admin", *arguments, CAMPUS_PASSWORD=password)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert reason in done.stderr


def test_demo_accounts_are_refused_outside_the_embedded_mode(anonymous: TestClient) -> None:
    done = manage("migrate", "--accounts")
    assert (done.returncode, "create-admin" in done.stderr) == (2, True)
    made = manage("migrate", "--accounts", EMBEDDED="1")
    assert made.returncode == 0
    again = manage("migrate", "--accounts", EMBEDDED="1")
    assert again.stdout == made.stdout
    for line in made.stdout.splitlines():
        role, email, password = line.split()
        credentials = {"email": email, "password": password}
        assert anonymous.post("/api/v1/auth/login/", json=credentials).status_code == 200, role


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY: Field required"),
        ({"SECRET_KEY": "x" * 31}, "at least 32 bytes"),
        ({"SECRET_KEY": "change-me-change-me-change-me-change-me"}, "generate your own"),
        ({"SECRET_KEYS_OLD": '["short"]'}, "SECRET_KEYS_OLD must have at least 32 bytes"),
        ({"SECRET_KEYS_OLD": "nonsense"}, "SECRET_KEYS_OLD"),
        ({"SMTP_URL": "http://mail"}, "smtp://"),
        ({"LIMITS_URL": "memcached://x"}, "redis://"),
        ({"LIMITS_FACTOR": "-1"}, "LIMITS_FACTOR"),
    ],
    ids=str,
)
def test_invalid_settings_are_reported_in_one_line(environment: dict[str, str], reason: str) -> None:
    done = manage("migrate", **environment)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert reason.lower() in done.stderr.lower()
