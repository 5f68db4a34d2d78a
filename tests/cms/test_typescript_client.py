"""A program that uses the generated TypeScript client with strict type checks, against a running Campus."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conf.develop.clients import TYPESCRIPT, make
from conf.develop.contract import current
from main import app
from tests.system import ROOT, System

PACKAGES = ("openapi-fetch@0.17.0", "typescript@5.9.3")
STRICT = ("--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noEmitOnError")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An npm project with the TypeScript client of the newest API version, a program, and the example from the docs."""
    if shutil.which("npx") is None:
        pytest.skip("npx is not installed (Debian: apt install npm)")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "package.json").write_text('{"type": "module"}')
    run(folder, "npm", "install", "--no-audit", "--no-fund", *PACKAGES)
    contracts = current(app)
    (package,) = make(contracts[max(contracts)], tmp_path / "clients", languages=(TYPESCRIPT,))
    shutil.copy(package / "campus.ts", folder)
    shutil.copy(Path(__file__).parent / "typescript_client.ts", folder / "program.ts")
    (example,) = re.findall(r"```ts\n(.*?)```", (ROOT / "docs/how-to/use-the-api.md").read_text(), re.DOTALL)
    (folder / "example.ts").write_text(example)
    return folder


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_strict_typescript_program_compiles_and_runs(project: Path, api: System) -> None:
    tsc = ("node_modules/.bin/tsc", *STRICT, "--module", "nodenext", "--target", "es2022")
    run(project, *tsc, "program.ts", "example.ts")
    output = json.loads(
        run(project, "node", "program.js", api.url, "admin@campus.example", "a passphrase of the tests")
    )
    assert output.pop("refused").startswith("Error: 401 ")
    assert output == {
        "made": [{"id": number, "description": "", "visibility": "public"} for number in (1, 2, 3)],
        "pages": [["Logic", "Geometry"], ["Algebra"]],
        "status": "NOT_PROCESSED",
        "invalid": ["title"],
    }
