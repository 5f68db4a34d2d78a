"""Remove a resource: its folders, its lines in the lists that name resources, and its empty tables."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from sqlalchemy import inspect, select, table

from conf import resources
from conf.db import migrate
from conf.db.models import Model
from conf.db.session import write_engine
from conf.develop.names import CannotChange
from conf.develop.register import register

ROOT = Path(__file__).parents[2]


def drop_tables(resource: str) -> None:
    """Drop its tables in the database of the settings. Raises: CannotChange, if they have rows."""
    own = _tables_of(resource)
    with write_engine().connect() as connection:
        there = set(inspect(connection).get_table_names()) & own
        full = sorted(name for name in there if connection.execute(select(table(name)).limit(1)).first() is not None)
    if full:
        raise CannotChange(f"{resource} has data in {', '.join(full)}: delete the rows first")
    if there:
        migrate.downgrade(resource)


def assert_unused(resource: str) -> None:
    """Raises: CannotChange, if there is no such resource, or if other code or tables refer to it."""
    if resource not in resources.INSTALLED:
        raise CannotChange(f"there is no resource {resource}; installed are {', '.join(resources.INSTALLED)}")
    if users := _users_of(resource):
        raise CannotChange(f"{resource} cannot be removed: it is imported by {', '.join(users)}")
    if referring := _referring_to(resource):
        raise CannotChange(f"{resource} cannot be removed: foreign keys refer to it from {', '.join(referring)}")


def remove(resource: str, *, in_database: bool, force: bool = False) -> list[str]:
    """Remove a resource, and its tables if it is `in_database`.

    Returns the paths that were removed or changed. Raises: CannotChange, if there is no such resource, if others use
    it, or if its tables have rows.
    """
    assert_unused(resource)
    if not force and (changes := _uncommitted(resource)):
        raise CannotChange(f"{changes[0]} has changes that are not committed: commit them, or use --force")
    if in_database:
        drop_tables(resource)
    gone = [ROOT / resource, ROOT / "migrations" / "versions" / resource, ROOT / "tests" / resource]
    changed = register(resource, "", there=False)
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    report = [path.relative_to(ROOT).as_posix() for path in (*gone, *changed) if path in changed or not path.exists()]
    for options in ([], ["--breaking"]):  # it is a breaking change only if it was published
        command = [sys.executable, "manage.py", "contract", *options]
        if subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0:
            break
    return report


def _uncommitted(resource: str) -> list[str]:
    """The files of the resource that git does not have in their present state; none outside of a repository."""
    folders = [resource, f"tests/{resource}", f"migrations/versions/{resource}"]
    command = ["git", "status", "--porcelain", "--", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [line[3:] for line in listed.stdout.splitlines()]


def _tables_of(resource: str) -> set[str]:
    """The names of its tables."""
    return {
        str(mapper.class_.__tablename__)
        for mapper in Model.registry.mappers
        if mapper.class_.__module__.partition(".")[0] == resource
    }


def _referring_to(resource: str) -> list[str]:
    """Tables of other resources with foreign keys to its tables."""
    own = _tables_of(resource)
    return sorted(
        name
        for name, found in Model.metadata.tables.items()
        if name not in own and own & {key.target_fullname.partition(".")[0] for key in found.foreign_keys}
    )


def _users_of(resource: str) -> list[str]:
    """Files of other packages that import it."""
    imports = re.compile(rf"^\s*(from|import) (tests\.)?{resource}\b", re.MULTILINE)
    own = {ROOT / resource, ROOT / "tests" / resource, ROOT / "migrations" / "versions" / resource, ROOT / ".venv"}
    return sorted(
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if not own & set(path.parents) and imports.search(path.read_text(errors="replace"))
    )
