"""Alembic's environment: one transaction per branch, under an advisory lock, with a `lock_timeout` for busy tables."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from conf import resources
from conf.db.migrate import locations, tables
from conf.db.models import Model
from conf.settings import get_settings

LOCK = 0x63616D70  # "camp" in ASCII. Concurrent migrations wait for each other.

resources.import_models()
context.script.version_locations = locations()


ONLY = context.get_x_argument(as_dictionary=True).get("resource")
"""`alembic -x resource=cms revision --autogenerate` compares the tables of that resource alone."""


def is_compared(_item: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    """Whether autogenerate compares this item: a table of the resource, or one that no model has any more."""
    if ONLY is None or kind != "table":
        return True
    return name is not None and tables().get(name, ONLY) == ONLY


def run() -> None:
    if context.is_offline_mode():
        context.configure(url=get_settings().database_url, target_metadata=Model.metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    engine = create_engine(get_settings().database_url, poolclass=pool.NullPool)
    with engine.connect() as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        context.configure(
            connection=connection, target_metadata=Model.metadata, compare_type=True, include_object=is_compared
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
