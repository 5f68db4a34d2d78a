"""Reads: a SELECT statement that is compiled to SQL only once, with conditions that apply only if they are given.

    _videos = Video.__table__.c
    _ONE = Read(select(*_videos).where(_videos.id == bindparam("video_id")))
    _PAGE = Read(
        select(*_videos).order_by(_videos.id).limit(bindparam("limit")),
        after_id=_videos.id > bindparam("after_id"),
        active=_videos.is_active,
    )

    row = _ONE.get(db, "video", 7, video_id=7)
    rows = _PAGE.all(db, limit=20, after_id=None, active=True)

In the session of a safe request it runs directly on a psycopg2 cursor, which bypasses SQLAlchemy's result processing:
values are those of psycopg2, so an enum column yields the text of its value. In any other session it runs in the
session's transaction, and sees the session's own writes.

`json_list` and `json_object` select nested rows as JSON, in the same round trip.
"""

from collections import namedtuple
from typing import Any, ClassVar

from sqlalchemy import (
    ColumnElement,
    ColumnExpressionArgument,
    FromClause,
    ScalarSelect,
    Select,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
from sqlalchemy.dialects.postgresql.psycopg2 import dialect
from sqlalchemy.orm import Session

from conf.db.session import ReadSession
from conf.errors import NotFound


class Fetched(tuple[Any, ...]):
    """The base class of rows, which are named tuples."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]]


class Read:
    """A SELECT statement. Its parameters are `bindparam`s, passed by name.

    `conditions`: each is part of the WHERE clause if the value of the same name is given, and neither None nor False.
    """

    def __init__(self, query: Select[*tuple[Any, ...]], **conditions: ColumnExpressionArgument[bool]) -> None:
        self._query = query
        self._conditions = conditions
        self._variants: dict[tuple[bool, ...], _Variant] = {}

    def all(self, db: Session, **values: Any) -> list[Any]:
        """Return all rows, with the columns as attributes."""
        given = tuple(values.get(name) not in (None, False) for name in self._conditions)
        variant = self._variants.get(given)
        if variant is None:
            conditions = [one for one, is_given in zip(self._conditions.values(), given, strict=True) if is_given]
            variant = self._variants[given] = _Variant(self._query.where(*conditions))
        return variant.all(db, values)

    def first(self, db: Session, **values: Any) -> Any:
        """Return the first row, or None."""
        rows = self.all(db, **values)
        return rows[0] if rows else None

    def get(self, db: Session, what: str, key: object, **values: Any) -> Any:
        """Return the first row. `what`, `key`: of the error message. Raises: NotFound."""
        row = self.first(db, **values)
        if row is None:
            raise NotFound(what, key)
        return row


class _Variant:
    """A SELECT statement with all its conditions."""

    def __init__(self, query: Select[*tuple[Any, ...]]) -> None:
        self._query = query
        compiled = query.compile(dialect=dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy's
        self._text = str(compiled)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._names = set(compiled.params)
        columns: Any = namedtuple("Columns", [column.name for column in query.selected_columns])  # type: ignore[misc]  # noqa: PYI024  # its fields are known at run time only
        self._row: Any = type("Fetched", (Fetched, columns), {"__slots__": ()})

    def all(self, db: Session, values: dict[str, Any]) -> list[Any]:
        if not isinstance(db, ReadSession):
            used = {name: value for name, value in values.items() if name in self._names}
            return list(db.execute(self._query, used))
        return [self._row(*found) for found in db.fetch(self._text, self._constants | values)]


def json_object(table: FromClause, *names: str) -> ColumnElement[Any]:
    """Return the columns `names` of a table as a JSON object; all columns without names. Times are text (RFC 3339)."""
    columns = [table.c[name] for name in names] if names else list(table.c)
    return func.json_build_object(*[part for one in columns for part in (literal_column(f"'{one.name}'"), one)])


def json_list(
    of: ColumnElement[Any], *, source: FromClause, where: ColumnElement[bool], order_by: ColumnElement[Any]
) -> ScalarSelect[Any]:
    """Return a subquery: the JSON list of the values `of` for the rows of `source`, a table or a join. `where` may
    refer to tables of the enclosing statement."""
    values = func.json_agg(aggregate_order_by(of, order_by))
    empty = cast(literal_column("'[]'"), JSON)
    return select(func.coalesce(values, empty)).select_from(source).where(where).scalar_subquery()
