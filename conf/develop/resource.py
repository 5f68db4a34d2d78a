"""Write the skeleton of a resource, or of a further model of a resource, and install it.

No existing code is overwritten: a second run changes nothing, and a run that was interrupted is completed by the next.
"""

import re
import subprocess
import sys
from pathlib import Path

from conf.develop.names import ROOT, SKELETON, CannotChange, Names, assert_free
from conf.develop.register import register

GROUP = {
    "$resource/$models/__init__.py": "",  # the first: an interrupted run is recognised by it
    "$resource/$models/models.py": "models.py.txt",
    "$resource/$models/crud.py": "crud.py.txt",
    "$resource/$models/helpers.py": "helpers.py.txt",
    "$resource/$models/tasks.py": "tasks.py.txt",
    "tests/$resource/__init__.py": "",
    "tests/$resource/test_$models.py": "test.py.txt",
}
"""The files of each model."""
FIRST = {
    "$resource/__init__.py": "init.py.txt",
    "$resource/v1/__init__.py": "",
    "$resource/v1/schemas.py": "schemas.py.txt",
    "$resource/v1/routes.py": "routes.py.txt",
}
FURTHER = {
    "$resource/v1/$models/__init__.py": "",
    "$resource/v1/$models/schemas.py": "schemas.py.txt",
    "$resource/v1/$models/routes.py": "routes.py.txt",
}
SHARED = {
    "$resource/events.py": ("events.py.txt", "class ${Model}Created("),
    "tests/$resource/factory.py": ("factory.py.txt", "def make_$model("),
    "tests/$resource/matrix.py": ("matrix.py.txt", '"list_$models"'),
}
"""Files that all models of a resource share. They have the model's part if they contain the text on the right."""


def add(names: Names) -> list[str]:
    """Write what is missing of the model, and install its resource.

    Returns the paths of the files that were written or changed. Raises: CannotChange.
    """
    assert_free(names)
    is_first = _is_first(names)
    words = {"schemas_in": f"{names.resource}.v1" if is_first else f"{names.resource}.v1.{names.models}"}
    changed = []
    for path, template in (GROUP | (FIRST if is_first else FURTHER)).items():
        target = ROOT / names.fill(path)
        if not target.exists():
            changed.append(_write(target, names.fill(_template(template), **words)))
    for path, (template, mark) in SHARED.items():
        target = ROOT / names.fill(path)
        if not target.exists():
            changed.append(_write(target, names.fill(_template(template))))
        elif names.fill(mark) not in (text := target.read_text()):
            changed.append(_write(target, _merged(text, names.fill(_template(template)), names)))
    changed += _add_migration(names)
    changed += register(names.resource, names.models, there=True)
    python = [str(path) for path in changed if path.suffix == ".py"]
    if python:
        ruff = [sys.executable, "-m", "ruff"]
        subprocess.run([*ruff, "check", "--quiet", "--fix", "--select", "I", *python], cwd=ROOT, check=True)
        subprocess.run([*ruff, "format", "--quiet", *python], cwd=ROOT, check=True)
    # In a process of its own: this one has imported the code as it was before.
    proto = subprocess.run([sys.executable, "manage.py", "proto"], cwd=ROOT, check=True, capture_output=True, text=True)
    generated = [line for line in proto.stdout.splitlines() if (ROOT / line).is_file()]
    return [path.relative_to(ROOT).as_posix() for path in changed] + generated


def _is_first(names: Names) -> bool:
    """Whether the model's routes are those of `v1/routes.py`. A further model has a folder of its own in `v1`."""
    routes = ROOT / names.resource / "v1" / "routes.py"
    if not routes.exists():
        return not (ROOT / names.resource / "v1").exists()
    return f"from {names.resource}.{names.models} import" in routes.read_text()


def _template(name: str) -> str:
    return (SKELETON / name).read_text() if name else ""


def _write(target: Path, text: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


def _merged(text: str, addition: str, names: Names) -> str:
    """The shared file `text` with the part of another model: its imports, and its definitions at the end."""
    imports, body = _split(addition)
    if '"list_' in body:  # a matrix: rows after those that there are, and one more thing
        rows = re.search(rf"^{names.model.upper()} = .*?^}}\n", body, re.MULTILINE | re.DOTALL)
        make_rows = re.search(r"^def make_rows\(.*?^    return \{\n", text, re.MULTILINE | re.DOTALL)
        if rows is None or make_rows is None:
            raise CannotChange(
                f"tests/{names.resource}/matrix.py has no function `make_rows` that returns a dictionary"
            )
        entry = f'        "{names.model}": make_{names.model}(owner).id,\n'
        text = text[: make_rows.start()] + rows[0] + "\n\n" + make_rows[0] + entry + text[make_rows.end() :]
    else:
        text = f"{text}\n\n{body}"
    last = max(match.end() for match in re.finditer(r"^(from|import) (.*\(\n(.*\n)*?\)|.*)\n", text, re.MULTILINE))
    return text[:last] + imports + text[last:]


def _split(text: str) -> tuple[str, str]:
    """The imports of a template, and what follows them."""
    lines = text.splitlines(keepends=True)
    imports = [line for line in lines if re.match(r"(from|import) ", line)]
    last = lines.index(imports[-1])
    return "".join(imports), "".join(lines[last + 1 :]).strip("\n") + "\n"


def _add_migration(names: Names) -> list[Path]:
    folder = ROOT / "migrations" / "versions" / names.resource
    there = sorted(folder.glob("*.py"))
    if any(f'"{names.models}",' in path.read_text() for path in there):
        return []
    number = len(there) + 1
    before = re.search(r'^revision = "(\w+)"', there[-1].read_text(), re.MULTILINE) if there else None
    text = names.fill(
        _template("migration.py.txt"),
        revision=f"{names.resource}_{number:04}",
        down_revision=f'"{before[1]}"' if before else "None",
        branch_labels="None" if before else f'("{names.resource}",)',
        depends_on="None" if before else '("iam_0001",)',
    )
    return [_write(folder / f"{names.resource}_{number:04}_{names.models}.py", text)]
