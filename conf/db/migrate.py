"""Alembic migrations: one branch per resource. Only the branches of installed resources are applied."""

import functools
import os
from collections.abc import Iterable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from conf import resources

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
    """Return the head revisions that a database with the revisions `current` still lacks."""
    heads = _heads()
    applied = set(current).union(*(heads[revision] for revision in current if revision in heads))
    return set(heads) - applied


def downgrade(resource: str) -> None:
    """Revert all migrations of one resource, which drops its tables."""
    command.downgrade(_config(), f"{resource}@base")


def upgrade() -> None:
    """Migrate the database to the newest revisions. Several processes may run it at the same time."""
    config = _config()
    for branch in _installed():
        command.upgrade(config, f"{branch}@head")
