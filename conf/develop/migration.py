"""Write a migration from the difference between the models and the migrations, on a temporary PostgreSQL server.

Alembic's autogenerate does not compare the CHECK constraints of tables that exist. They are compared here, in two
databases: one made by the migrations, one by the models.
"""

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from conf import resources
from conf.db.migrate import tables
from conf.develop.names import ROOT
from conf.embedded.postgresql import postgres
from conf.embedded.processes import free_port

CREATE_ALL = """
from conf import resources
resources.import_models()
from conf.db.models import Model
from conf.db.session import write_engine
Model.metadata.create_all(write_engine())
"""
CHECKS = """
SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'c' AND connamespace = 'public'::regnamespace
"""
TABLES = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
Constraint = tuple[str, str, str]
"""Table, name, definition."""


class CannotMigrate(Exception):
    """The reason, in one line."""


def write_migration(resource: str, message: str, *, empty: bool = False) -> Path | None:
    """Write the next migration of the resource.

    Returns its path; None, if the models and the migrations agree, unless `empty`. Raises: CannotMigrate; CannotStart.
    """
    folder = ROOT / "migrations" / "versions" / resource
    if resource not in ("conf", *resources.INSTALLED):
        raise CannotMigrate(f"there is no resource {resource}; there are {', '.join(('conf', *resources.INSTALLED))}")
    slug = "_".join(re.findall(r"[a-z0-9]+", message.lower()))[:40].strip("_")
    if not slug:
        raise CannotMigrate('say what the migration does: make migration NAME=cms M="add the course of a video"')
    with _server() as server:
        migrated, modelled = _database(server, "migrated"), _database(server, "modelled")
        _alembic(migrated, "upgrade", "heads")
        _run(modelled, sys.executable, "-c", CREATE_ALL)
        missing, stale = _check_constraints(migrated, modelled, resource)
        if not (empty or missing or stale) and "No new upgrade operations" in _alembic(
            migrated, *_only(resource), "check"
        ):
            return None
        path = _revision(migrated, resource, folder, message, slug)
    text = re.sub(r" *# ### .* ###\n", "", path.read_text())
    path.write_text(_with_checks(text, missing, stale) if missing or stale else text)
    for options in (["check", "--fix", "--exit-zero"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *options, "--quiet", str(path)], cwd=ROOT, check=True)
    return path


@contextlib.contextmanager
def _server() -> Iterator[str]:
    """The URL of a temporary server, without the database's name. Raises: CannotStart."""
    folder = Path(tempfile.mkdtemp(prefix="campus-migration-"))
    folder.chmod(0o755)  # root's PostgreSQL runs as nobody
    password, port = secrets.token_hex(16), free_port()
    try:
        with postgres(folder, folder, port, password).running():
            yield f"postgresql://campus:{password}@127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _database(server: str, name: str) -> str:
    connection = psycopg2.connect(f"{server}/postgres")
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def _run(url: str, *command: str) -> str:
    environment = os.environ | {"DATABASE_URL": url, "SECRET_KEY": secrets.token_hex(32)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    if done.returncode and "New upgrade operations" not in output:
        raise CannotMigrate((done.stderr or done.stdout).strip().splitlines()[-1])
    return output


def _alembic(url: str, *arguments: str) -> str:
    return _run(url, sys.executable, "-m", "alembic", *arguments)


def _only(resource: str) -> tuple[str, str]:
    """For `migrations/env.py`: compare the tables of this resource alone."""
    return "-x", f"resource={resource}"


def _revision(url: str, resource: str, folder: Path, message: str, slug: str) -> Path:
    there = sorted(folder.glob("*.py"))
    number = f"{resource}_{len(there) + 1:04}"
    head = ["--head", f"{resource}@head"] if there else ["--head", "base", "--branch-label", resource]
    folder.mkdir(parents=True, exist_ok=True)
    place = ["--version-path", str(folder), "--rev-id", number]
    depends = [] if there or resource in ("conf", "iam") else ["--depends-on", "iam_0001"]
    _alembic(url, *_only(resource), "revision", "--autogenerate", "-m", message, *head, *place, *depends)
    (path,) = set(folder.glob("*.py")) - set(there)
    return path.rename(folder / f"{number}_{slug}.py")


def _check_constraints(migrated: str, modelled: str, resource: str) -> tuple[list[Constraint], list[Constraint]]:
    """The CHECK constraints of existing tables of the resource that only the models have, and those that only the
    migrations have."""
    owners = tables()
    before, after = set(_rows(migrated, CHECKS)), set(_rows(modelled, CHECKS))
    kept = {name for (name,) in _rows(migrated, TABLES)} & {name for (name,) in _rows(modelled, TABLES)}
    missing, stale = (
        [
            (table, name, definition)
            for table, name, definition in sorted(found)
            if table in kept and owners.get(table, resource) == resource
        ]
        for found in (after - before, before - after)
    )
    return missing, stale


def _rows(url: str, query: str) -> list[tuple[str, ...]]:
    connection = psycopg2.connect(url)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _with_checks(text: str, missing: list[Constraint], stale: list[Constraint]) -> str:
    """Drop constraints before other changes, which may drop their columns; create them after all others."""
    upgrade, downgrade = text.split("def downgrade()")
    return _around(upgrade, stale, missing) + "def downgrade()" + _around(downgrade, missing, stale)


def _around(function: str, drop: list[Constraint], create: list[Constraint]) -> str:
    head, _, body = function.rstrip().rpartition("-> None:\n")
    lines = [f"    {_drop(one)}" for one in drop]
    lines += [] if body.strip() == "pass" else [body]
    lines += [f"    {_create(one)}" for one in create]
    return f"{head}-> None:\n" + "\n".join(lines) + "\n\n\n"


def _drop(constraint: Constraint) -> str:
    return f'op.drop_constraint(op.f("{constraint[1]}"), "{constraint[0]}", type_="check")'


def _create(constraint: Constraint) -> str:
    condition = constraint[2].removeprefix("CHECK (").removesuffix(")")
    return f'op.create_check_constraint(op.f("{constraint[1]}"), "{constraint[0]}", {condition!r})'
