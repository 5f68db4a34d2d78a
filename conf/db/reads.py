"""Frequent reads: a SELECT statement that is compiled to SQL only once.

    _ONE = Read(select(*Video.__table__.c).where(Video.id == bindparam("video_id")))

    row = _ONE.first(db, video_id=7)

In the session of a safe request it runs directly on a psycopg2 cursor, which bypasses SQLAlchemy's result processing:
values are those of psycopg2, so an enum column yields the text of its value. In any other session it runs in the
session's transaction, and sees the session's own writes.
"""

import functools
from collections import namedtuple
from typing import Any, ClassVar

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg2 import dialect
from sqlalchemy.orm import Session

from conf.db.session import ReadSession


class Fetched(tuple[Any, ...]):
    """The base class of rows, which are named tuples."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]]


class Read:
    """A SELECT statement. Its parameters are `bindparam`s, passed by name."""

    def __init__(self, query: Select[Any]) -> None:
        self._query = query

    def all(self, db: Session, **values: Any) -> list[Any]:
        """Return all rows, with the columns as attributes."""
        if not isinstance(db, ReadSession):
            return list(db.execute(self._query, values))
        query, constants, row = self._compiled
        return [row(*found) for found in db.fetch(query, constants | values)]

    def first(self, db: Session, **values: Any) -> Any:
        """Return the first row, or None."""
        rows = self.all(db, **values)
        return rows[0] if rows else None

    @functools.cached_property
    def _compiled(self) -> tuple[str, dict[str, Any], Any]:
        compiled = self._query.compile(dialect=dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy's
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        names = [column.name for column in self._query.selected_columns]
        columns: Any = namedtuple("Columns", names)  # type: ignore[misc]  # noqa: PYI024  # its fields are known at run time only
        return str(compiled), constants, type("Fetched", (Fetched, columns), {"__slots__": ()})
