"""Typed clients of the newest version in Python and TypeScript, made from its contract by openapi-python-client and
openapi-typescript. They speak JSON; for protobuf there is `wire.proto`."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from conf.http.wire.formats import Format

PYTHON, TYPESCRIPT = "python", "typescript"


class CannotMake(Exception):
    """In one line."""


def make(contract: dict[str, Any], folder: Path, *, languages: tuple[str, ...] = (PYTHON, TYPESCRIPT)) -> list[Path]:
    """Write the clients into `folder`, in place of those before; where they are. CannotMake."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "openapi.json"
    source.write_text(json.dumps(in_json_alone(contract)))
    made = [folder / language for language in languages]
    for language, target in zip(languages, made, strict=True):
        if target.exists():
            if not any((target / mark).exists() for mark in ("campus_client", "campus.ts")):
                raise CannotMake(f"{target} is something else: it stays")
            shutil.rmtree(target)
        _run(_python(source, target) if language == PYTHON else _typescript(source, target))
    source.unlink()
    return made


def in_json_alone(contract: dict[str, Any]) -> dict[str, Any]:
    """The generators know no protobuf."""
    plain = copy.deepcopy(contract)
    for operations in plain["paths"].values():
        for operation in operations.values():
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                part.get("content", {}).pop(Format.PROTOBUF.value, None)
    return plain


def _python(source: Path, target: Path) -> list[str]:
    tool = str(Path(sys.executable).parent / "openapi-python-client")
    return [tool, "generate", "--path", str(source), "--output-path", str(target), "--meta", "poetry"]


def _typescript(source: Path, target: Path) -> list[str]:
    if shutil.which("npx") is None:
        raise CannotMake("npx is not installed; the client in TypeScript needs Node.js")
    # Otherwise a field of a request body that has a default would be required.
    options = ["--default-non-nullable=false", "--output", str(target / "campus.ts")]
    return ["npx", "--yes", "openapi-typescript@7.13.0", str(source), *options]


def _run(command: list[str]) -> None:
    """With ruff on the PATH, which formats the Python."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode or "Unable to parse" in done.stdout + done.stderr:
        raise CannotMake(f"{Path(command[0]).name}: {(done.stdout + done.stderr).strip()[-300:]}")
