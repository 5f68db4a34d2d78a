"""Alembic migrations: one branch per resource. Only the branches of installed resources are applied."""

import functools
import os
from collections.abc import Iterable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from conf import resources
from conf.db.models import Model

ROOT = Path(__file__).parents[2]


def locations() -> list[str]:
    """Return the folders of all migrations, as a database may still have tables of a resource that was uninstalled."""
    return sorted(str(folder) for folder in (ROOT / "migrations" / "versions").iterdir() if folder.is_dir())


def _installed() -> list[str]:
    """Return the branches of `conf` and the installed resources that have migrations."""
    folders = [ROOT / "migrations" / "versions" / name for name in ("conf", *resources.INSTALLED)]
    return [folder.name for folder in folders if folder.is_dir()]


def _config() -> Config:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("version_locations", os.pathsep.join(locations()))
    return config


@functools.cache
def _heads() -> dict[str, set[str]]:
    """Return the head revision of each installed branch, with the set of the revisions it includes."""
    script = ScriptDirectory.from_config(_config())
    included = {}
    for head in (script.get_revision(f"{branch}@head").revision for branch in _installed()):
        todo, seen = [head], set[str]()
        while todo:
            revision = script.get_revision(todo.pop())
            seen.add(revision.revision)
            for parents in (revision.down_revision, revision.dependencies):
                todo += [parents] if isinstance(parents, str) else list(parents or ())
        included[head] = seen
    return included


def missing(current: Iterable[str]) -> set[str]:
    """Return the head revisions that a database with the revisions `current` still lacks.

    A revision of a newer release includes those of its branch that this code knows. So old processes stay ready while
    a release is rolled out.
    """
    heads, current = _heads(), set(current)
    applied = current.union(*(heads[revision] for revision in current if revision in heads))
    newer = [_place(revision) for revision in current if not _is_known(revision)]
    return {head for head in heads if head not in applied and not any(_is_after(one, _place(head)) for one in newer)}


def _is_known(revision: str) -> bool:
    return any(revision in included for included in _heads().values())


def _place(revision: str) -> tuple[str, int]:
    """Return the branch and the number of a revision: `cms_0002` is number 2 of `cms`."""
    branch, _, number = revision.rpartition("_")
    return branch, int(number) if number.isdigit() else -1


def _is_after(one: tuple[str, int], other: tuple[str, int]) -> bool:
    return one[0] == other[0] and one[1] > other[1]


def tables() -> dict[str, str]:
    """Return the resource of each table, or `conf`."""
    resources.import_models()
    models = (mapper.class_ for mapper in Model.registry.mappers)
    return {str(model.__tablename__): model.__module__.partition(".")[0] for model in models}


def downgrade(resource: str) -> None:
    """Revert all migrations of one resource, which drops its tables."""
    command.downgrade(_config(), f"{resource}@base")


def upgrade() -> None:
    """Migrate the database to the newest revisions. Several processes may run it at the same time."""
    config = _config()
    for branch in _installed():
        command.upgrade(config, f"{branch}@head")
