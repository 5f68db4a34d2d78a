"""The skeleton of a resource: `manage.py resource library book` writes it and installs it, `--remove` takes it out.

Nothing that is there is written over, so a second run does no harm and one that broke off is ended by the next.
"""

import ast
import builtins
import importlib.util
import keyword
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template

from sqlalchemy import inspect, select, table

from conf import resources
from conf.db import migrate
from conf.db.models import Model
from conf.db.session import write_engine
from conf.develop.register import register
from conf.http import reference
from conf.http.route import Route

ROOT = Path(__file__).parents[2]
SKELETON = Path(__file__).parent / "skeleton"
FILES = {
    "$resource/$models/__init__.py": "",  # the first: by it a run that broke off is known
    "$resource/__init__.py": "init.py.txt",
    "$resource/events.py": "events.py.txt",
    "$resource/subscribers.py": "subscribers.py.txt",
    "$resource/$models/models.py": "models.py.txt",
    "$resource/$models/crud.py": "crud.py.txt",
    "$resource/$models/helpers.py": "helpers.py.txt",
    "$resource/$models/tasks.py": "tasks.py.txt",
    "$resource/v1/__init__.py": "",
    "$resource/v1/schemas.py": "schemas.py.txt",
    "$resource/v1/routes.py": "routes.py.txt",
    "migrations/versions/$resource/${resource}_0001_$models.py": "migration.py.txt",
    "tests/$resource/__init__.py": "",
    "tests/$resource/factory.py": "factory.py.txt",
    "tests/$resource/matrix.py": "matrix.py.txt",
    "tests/$resource/test_$models.py": "test.py.txt",
}
NAME = re.compile(r"[a-z]([a-z0-9]|_(?=[a-z0-9])){1,26}")
"""With `_0001` behind it, it still is a revision of Alembic's."""


FUNCTIONS = ("list_$models", "create_$model", "get_$model", "update_$model", "delete_$model")


class CannotAdd(Exception):
    """In one line."""


@dataclass(frozen=True)
class Names:
    """What the things of a resource are called: `library`, `book`, `books`."""

    resource: str
    model: str
    models: str

    def words(self) -> dict[str, str]:
        camel = ["".join(part.title() for part in name.split("_")) for name in (self.model, self.models)]
        return {
            "resource": self.resource,
            "model": self.model,
            "models": self.models,
            "Model": camel[0],
            "Models": camel[1],
            "MODELS": self.models.upper(),
        }

    def fill(self, text: str) -> str:
        return Template(text).substitute(self.words())


def plural_of(noun: str) -> str:
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|z|ch|sh)$", noun) else "s")


def add(names: Names) -> list[str]:
    """Write what is missing of the resource, and install it; the files that were written or changed. CannotAdd."""
    _assert_free(names)
    changed = []
    for path, template in FILES.items():
        target = ROOT / names.fill(path)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(names.fill((SKELETON / template).read_text()) if template else "")
            changed.append(target)
    changed += register(names.resource, names.models, there=True)
    python = [str(path) for path in changed if path.suffix == ".py"]
    if python:
        ruff = [sys.executable, "-m", "ruff"]
        subprocess.run([*ruff, "check", "--quiet", "--fix", "--select", "I", *python], cwd=ROOT, check=True)
        subprocess.run([*ruff, "format", "--quiet", *python], cwd=ROOT, check=True)
    # In a process of its own: this one has imported the house without the resource.
    subprocess.run([sys.executable, "manage.py", "proto"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return [path.relative_to(ROOT).as_posix() for path in changed]


def _assert_free(names: Names) -> None:
    for name in (names.resource, names.model, names.models):
        if not NAME.fullmatch(name):
            raise CannotAdd(f"{name!r} is no name: 2 to 27 small letters, digits and single _, a letter first")
    for name in names.words().values():
        if keyword.iskeyword(name) or name in dir(builtins) or name in _identifiers():
            raise CannotAdd(f"{name!r} means something already: take another word")
    if names.model == names.models:
        raise CannotAdd(f"the plural must differ from {names.model!r}: give --plural")
    if names.resource in resources.INSTALLED:
        if not (ROOT / names.resource / names.models / "models.py").exists():
            raise CannotAdd(f"there is a resource {names.resource} already, without {names.models}: add them by hand")
        return
    folder = ROOT / names.resource
    if (folder / names.models).exists():  # a run broke off
        return
    _assert_no_lists_name_it(names.resource)
    if folder.exists():
        raise CannotAdd(f"{names.resource}/ is there already")
    if importlib.util.find_spec(names.resource) is not None:
        raise CannotAdd(f"there is a Python package {names.resource} already, which yours would hide")
    _assert_new_words(names)


def _assert_no_lists_name_it(resource: str) -> None:
    """What `register` would take for its own."""
    if f'"{resource}:' in (ROOT / "iam" / "roles.py").read_text():
        raise CannotAdd(f"there are permissions {resource}: already")
    if resource in _ignored():
        raise CannotAdd(f"{resource}/ is a folder for something else")


def _assert_new_words(names: Names) -> None:
    """No table, path, operation or schema of another resource is called like that."""
    resources.import_models()
    if names.models in Model.metadata.tables:
        raise CannotAdd(f"there is a table {names.models} already")
    path = f"/api/v1/{names.models}"
    routers = [*resources.routers(), reference.router]
    handlers = [route.handler for router in routers for route in router.routes if isinstance(route, Route)]
    for handler in handlers:
        if re.fullmatch(rf"/api/v(\d+|{{version}})/{names.models}(/.*|\.\w+)?", handler.path):
            raise CannotAdd(f"there is a path {path}/ already")
        if handler.route.name in {names.fill(function) for function in FUNCTIONS}:
            raise CannotAdd(f"there is a route {handler.route.name} already")
    for version in reference.versions(handlers):
        schemas = reference.document(handlers, version)["components"]["schemas"]
        for template in ("$Model", "${Model}Create", "${Model}Update"):
            if (schema := names.fill(template)) in schemas:
                raise CannotAdd(f"there is a schema {schema} already")


def _ignored() -> set[str]:
    """Folders that git, or the checks, leave out."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    return {line.strip("/") for line in lines} | {"tests", "docs", "migrations", "benchmarks"}


def _identifiers() -> set[str]:
    """What the skeleton's own code calls things."""
    found: set[str] = set()
    for template in filter(None, FILES.values()):
        text = Names("xx_resource", "xx_model", "xx_models").fill((SKELETON / template).read_text())
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Name():
                    found.add(node.id)
                case ast.arg():
                    found.add(node.arg)
                case ast.alias():
                    found.add((node.asname or node.name).partition(".")[0])
                case ast.FunctionDef() | ast.ClassDef():
                    found.add(node.name)
    return found


def drop_tables(resource: str) -> None:
    """Take its tables out of the database of the settings. CannotAdd when there are rows in them."""
    own = _tables_of(resource)
    with write_engine().connect() as connection:
        there = set(inspect(connection).get_table_names()) & own
        full = sorted(name for name in there if connection.execute(select(table(name)).limit(1)).first() is not None)
    if full:
        raise CannotAdd(f"{resource} has data, in {', '.join(full)}: it stays")
    if there:
        migrate.downgrade(resource)


def assert_nobody_needs(resource: str) -> None:
    """CannotAdd when it is none, or when others use it."""
    if resource not in resources.INSTALLED:
        raise CannotAdd(f"there is no resource {resource}; there are {', '.join(resources.INSTALLED)}")
    if users := _users_of(resource):
        raise CannotAdd(f"it is used by {', '.join(users)}")
    if referring := _referring_to(resource):
        raise CannotAdd(f"its tables are referred to by {', '.join(referring)}")


def remove(resource: str, *, in_database: bool) -> list[str]:
    """Take a resource out again, with its folders, and with its tables if it is `in_database`; what was removed or
    changed. CannotAdd when it is none, when others use it, or when it has data."""
    assert_nobody_needs(resource)
    if in_database:
        drop_tables(resource)
    gone = [ROOT / resource, ROOT / "migrations" / "versions" / resource, ROOT / "tests" / resource]
    changed = register(resource, "", there=False)
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    told = [path.relative_to(ROOT).as_posix() for path in (*gone, *changed) if path in changed or not path.exists()]
    for options in ([], ["--breaking"]):  # only where it was promised to anybody
        command = [sys.executable, "manage.py", "contract", *options]
        if subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0:
            break
    return told


def _tables_of(resource: str) -> set[str]:
    return {
        str(mapper.class_.__tablename__)
        for mapper in Model.registry.mappers
        if mapper.class_.__module__.partition(".")[0] == resource
    }


def _referring_to(resource: str) -> list[str]:
    """Tables of others with foreign keys to its own."""
    own = _tables_of(resource)
    return sorted(
        name
        for name, found in Model.metadata.tables.items()
        if name not in own and own & {key.target_fullname.partition(".")[0] for key in found.foreign_keys}
    )


def _users_of(resource: str) -> list[str]:
    """Files elsewhere that import it."""
    imports = re.compile(rf"^\s*(from|import) (tests\.)?{resource}\b", re.MULTILINE)
    own = {ROOT / resource, ROOT / "tests" / resource, ROOT / "migrations" / "versions" / resource, ROOT / ".venv"}
    return sorted(
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if not own & set(path.parents) and imports.search(path.read_text(errors="replace"))
    )
