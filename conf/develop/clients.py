"""Generate typed clients of the newest API version: in Python by openapi-python-client, in TypeScript by
openapi-typescript.

The clients use JSON. For protobuf, compile the `wire.proto` files.
"""

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
    """A client cannot be generated. The message is one line for the user."""


def make(contract: dict[str, Any], folder: Path, *, languages: tuple[str, ...] = (PYTHON, TYPESCRIPT)) -> list[Path]:
    """Generate the clients into `folder`, and replace earlier ones. Returns their folders. Raises: CannotMake."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "openapi.json"
    source.write_text(json.dumps(without_protobuf(contract)))
    targets = [folder / language for language in languages]
    for language, target in zip(languages, targets, strict=True):
        if target.exists():
            if not any((target / mark).exists() for mark in ("campus_client", "campus.ts")):
                raise CannotMake(f"The folder {target} exists and is not a generated client. Choose another folder.")
            shutil.rmtree(target)
        _run(_python(source, target) if language == PYTHON else _typescript(source, target))
    source.unlink()
    source.with_suffix(".yaml").unlink(missing_ok=True)
    return targets


def without_protobuf(contract: dict[str, Any]) -> dict[str, Any]:
    """Return the contract without protobuf bodies, which the generators do not support."""
    plain = copy.deepcopy(contract)
    for operations in plain["paths"].values():
        for operation in operations.values():
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                part.get("content", {}).pop(Format.PROTOBUF.value, None)
    return plain


def _python(source: Path, target: Path) -> list[str]:
    tool = str(Path(sys.executable).parent / "openapi-python-client")
    config = source.with_suffix(".yaml")  # the same name whatever the title of the API
    config.write_text("project_name_override: campus-client\npackage_name_override: campus_client\n")
    options = ["--path", str(source), "--output-path", str(target), "--config", str(config), "--meta", "poetry"]
    return [tool, "generate", *options]


def _typescript(source: Path, target: Path) -> list[str]:
    if shutil.which("npx") is None:
        raise CannotMake("npx is not installed. The TypeScript client needs Node.js.")
    # Otherwise fields of request bodies that have a default would be required.
    options = ["--default-non-nullable=false", "--output", str(target / "campus.ts")]
    return ["npx", "--yes", "openapi-typescript@7.13.0", str(source), *options]


def _run(command: list[str]) -> None:
    """Run the generator, with ruff on PATH, which openapi-python-client uses to format the code."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode or "Unable to parse" in result.stdout + result.stderr:
        raise CannotMake(f"{Path(command[0]).name}: {(result.stdout + result.stderr).strip()[-300:]}")
