"""The lists of the house that name each resource: what is installed, who may, what is in the image, what may import
what."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def register(resource: str, models: str, *, there: bool) -> list[Path]:
    """Have every list of the house name the resource, or no longer; the files that changed."""
    changes: dict[str, Callable[[str], str]] = {
        "conf/resources.py": lambda text: _in_installed(text, resource, there=there),
        "iam/roles.py": lambda text: _in_roles(text, resource, models, there=there),
        ".dockerignore": lambda text: _in_dockerignore(text, resource, there=there),
        "pyproject.toml": lambda text: _in_contracts(text, resource, models, there=there),
    }
    changed = []
    for name, change in changes.items():
        path = ROOT / name
        before = path.read_text()
        if (after := change(before)) != before:
            path.write_text(after)
            changed.append(path)
    return changed


def _in_installed(text: str, resource: str, *, there: bool) -> str:
    found = re.search(r"^INSTALLED = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
    assert found
    names = [name.strip() for name in found[1].split(",") if name.strip() not in ("", f'"{resource}"')]
    whole = ", ".join([*names, *([f'"{resource}"'] if there else [])])
    return text[: found.start(1)] + whole + text[found.end(1) :]


def _in_roles(text: str, resource: str, models: str, *, there: bool) -> str:
    if not there:
        text = re.sub(rf'^    "{resource}:\w+",.*\n', "", text, flags=re.MULTILINE)
        return text.replace("= [\n]", "= []")
    words = models.replace("_", " ")
    for block, permission, why in (
        ("_TEACHER", "write", f"make {words}"),
        ("_ADMIN", "admin", f"other people's {words}"),
    ):
        line = f'    "{resource}:{permission}",'
        if line not in text:
            begin = re.search(rf"^{block}: list\[str\] = \[\n(?:    .*\n)*", text, re.MULTILINE)
            assert begin
            text = f"{text[: begin.end()]}{line}  # {why}\n{text[begin.end() :]}"
    return text


def _in_dockerignore(text: str, resource: str, *, there: bool) -> str:
    lines = [line for line in text.splitlines() if line != f"!{resource}"]
    if there:
        lines.insert(lines.index("*") + 1, f"!{resource}")
    return "\n".join(lines) + "\n"


def _in_contracts(text: str, resource: str, models: str, *, there: bool) -> str:
    """The rules of imports in `[tool.importlinter]`."""
    import tomlkit  # noqa: PLC0415  # a tool of developers

    document: Any = tomlkit.parse(text)
    rules = document["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in rules["contracts"]}
    lists = [
        (rules["root_packages"], resource),
        (contracts["Rooms of a version"]["containers"], f"{resource}.v1"),
        (contracts["Only v1, http and healthcheck know HTTP"]["source_modules"], f"{resource}.{models}"),
        (contracts["boto3 is S3's own"]["source_modules"], resource),
        (contracts["python-jose is the tokens' own"]["source_modules"], resource),
    ]
    own = [name for name in contracts if re.fullmatch(rf"Rooms of {resource}( .+)?", name)]
    layers = contracts["Storeys: an import goes down only"]["layers"]
    beside = str(layers[1]).split(" | ") if layers[1] != "jobs" else []  # above jobs are the resources, if any
    siblings = [name for name in beside if name != resource]
    if beside:
        del layers[1]
    if wanted := [*siblings, *([resource] if there else [])]:
        layers.insert(1, " | ".join(wanted))
    if there:
        for names, name in lists:
            if name not in names:
                names.append(name)
        if not own:
            return tomlkit.dumps(document).replace(_AFTER, _ROOMS.format(resource=resource, models=models) + _AFTER, 1)
        return tomlkit.dumps(document)
    for names, _ in lists:
        for name in [name for name in names if name.partition(".")[0] == resource]:
            names.remove(name)
    text = tomlkit.dumps(document)
    for name in own:
        text = re.sub(rf'\[\[tool\.importlinter\.contracts\]\]\nname = "{name}"\n(?:.+\n)+\n', "", text)
    return text


_AFTER = '[[tool.importlinter.contracts]]\nname = "Rooms of a version"\n'
_ROOMS = """[[tool.importlinter.contracts]]
name = "Rooms of {resource}"
type = "layers"
containers = ["{resource}"]
layers = ["v1", "{models}"]
exhaustive = true

[[tool.importlinter.contracts]]
name = "Rooms of {resource} {models}"
type = "layers"
containers = ["{resource}.{models}"]
layers = ["tasks", "helpers", "crud", "models"]
exhaustive = true

"""
