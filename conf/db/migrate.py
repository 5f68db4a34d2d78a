"""Migrations, one Alembic branch a resource, of the installed resources alone."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from conf import resources

ROOT = Path(__file__).parents[2]


def locations() -> list[str]:
    """The folders that hold the installed resources' migrations."""
    folders = [ROOT / "migrations" / "versions" / name for name in ("conf", *resources.INSTALLED)]
    return [str(folder) for folder in folders if folder.is_dir()]


def _config() -> Config:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("version_locations", " ".join(locations()))
    return config


def heads() -> frozenset[str]:
    """The revisions an up-to-date database is at."""
    return frozenset(ScriptDirectory.from_config(_config()).get_heads())


def upgrade() -> None:
    """Bring the database of the settings to the newest revisions. Safe to run by several processes at once."""
    command.upgrade(_config(), "heads")
