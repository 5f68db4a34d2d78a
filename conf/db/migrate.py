"""Migrations, one Alembic branch a resource, of the installed resources alone."""

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
    """The folders of all migrations there are: a database may have tables of a resource that is installed no more."""
    return sorted(str(folder) for folder in (ROOT / "migrations" / "versions").iterdir() if folder.is_dir())


def _installed() -> list[str]:
    """The branches that a database has to have."""
    folders = [ROOT / "migrations" / "versions" / name for name in ("conf", *resources.INSTALLED)]
    return [folder.name for folder in folders if folder.is_dir()]


def _config() -> Config:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("version_locations", os.pathsep.join(locations()))
    return config


@functools.cache
def _needed() -> dict[str, set[str]]:
    """Each revision that an up-to-date database is at, with the revisions that being there implies."""
    script = ScriptDirectory.from_config(_config())
    implied = {}
    for head in (script.get_revision(f"{branch}@head").revision for branch in _installed()):
        todo, seen = [head], set[str]()
        while todo:
            revision = script.get_revision(todo.pop())
            seen.add(revision.revision)
            for before in (revision.down_revision, revision.dependencies):
                todo += [before] if isinstance(before, str) else list(before or ())
        implied[head] = seen
    return implied


def missing(current: Iterable[str]) -> set[str]:
    """The newest revisions that a database at `current` has not reached."""
    needed = _needed()
    reached = set(current).union(*(needed[revision] for revision in current if revision in needed))
    return set(needed) - reached


def downgrade(resource: str) -> None:
    """Take the tables of one resource out of the database."""
    command.downgrade(_config(), f"{resource}@base")


def upgrade() -> None:
    """Bring the database of the settings to the newest revisions. Safe to run by several processes at once."""
    config = _config()
    for branch in _installed():
        command.upgrade(config, f"{branch}@head")
