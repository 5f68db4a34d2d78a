"""The lists that name each resource: installed resources, permissions, the image's files, the import rules."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def register(resource: str, models: str, *, there: bool) -> list[Path]:
    """Add the resource to every list, or remove it if not `there`. Returns the files that changed."""
    changes: dict[str, Callable[[str], str]] = {
        "conf/resources.py": lambda text: _in_installed(text, resource, there=there),
        "iam/roles.py": lambda text: _in_roles(text, resource, models, there=there),
        ".dockerignore": lambda text: _in_dockerignore(text, resource, there=there),
        "pyproject.toml": lambda text: _in_contracts(text, resource, there=there),
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
        ("_TEACHER", "write", f"create {words}"),
        ("_ADMIN", "admin", f"change and delete other people's {words}"),
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


def _in_contracts(text: str, resource: str, *, there: bool) -> str:
    """The rules of imports in `[tool.importlinter]`: all but these two lists name no resource."""
    import tomlkit  # noqa: PLC0415  # a tool of developers

    document: Any = tomlkit.parse(text)
    rules = document["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in rules["contracts"]}
    for names in (rules["root_packages"], contracts["No import cycles"]["ancestors"]):
        if there and resource not in names:
            names.append(resource)
        elif not there and resource in names:
            names.remove(resource)
    layers = contracts["Layers of packages: imports go downwards only"]["layers"]
    beside = str(layers[1]).split(" | ") if layers[1] != "jobs" else []  # above jobs are the resources, if any
    if beside:
        del layers[1]
    siblings = [name for name in beside if name != resource]
    if wanted := [*siblings, *([resource] if there else [])]:
        layers.insert(1, " | ".join(wanted))
    return tomlkit.dumps(document)
