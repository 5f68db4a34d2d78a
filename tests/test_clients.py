"""Generation of typed clients from the API contract. Tests of programs that use them are in tests/cms."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conf.develop.clients import TYPESCRIPT, make
from conf.develop.contract import current
from main import app


def test_the_typescript_client_has_every_route(tmp_path: Path) -> None:
    if shutil.which("npx") is None:
        pytest.skip("npx is not installed (Debian: apt install npm)")
    (package,) = make(current(app)[1], tmp_path / "clients", languages=(TYPESCRIPT,))
    text = (package / "campus.ts").read_text()
    assert '"/api/v1/groups/{group_id}/"' in text
    assert 'role: components["schemas"]["Role"]' in text


def test_the_clients_command_generates_a_python_client(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "clients", str(tmp_path / "clients"), "--no-typescript"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "clients" / "python" / "campus_client" / "client.py").exists()
