"""Queries on `groups`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from conf.db import rows
from conf.db.reads import Read
from conf.errors import Conflict
from conf.values import Expected
from iam.groups.models import Group

VIOLATIONS = {"uq_groups_name": partial(Conflict, "There is already a group with this name.", field="name")}


_groups = Group.__table__.c
_ONE = Read(select(*_groups).where(_groups.id == bindparam("group_id")))
_PAGE = Read(
    select(*_groups).order_by(_groups.id).limit(bindparam("limit")), after_id=_groups.id > bindparam("after_id")
)


def get(db: Session, *, group_id: int) -> Row[Any]:
    """Return the group. Raises: NotFound."""
    row: Row[Any] = _ONE.get(db, "group", group_id, group_id=group_id)
    return row


def by_names(db: Session, *, names: set[str]) -> dict[str, int]:
    """Return the ids of the groups with these names, keyed by the name in lower case. The comparison ignores case."""
    lower_names = [name.lower() for name in names]
    found = db.execute(select(func.lower(Group.name), Group.id).where(func.lower(Group.name).in_(lower_names)))
    return {row[0]: row[1] for row in found}


def page(db: Session, *, after_id: int | None, limit: int) -> Sequence[Row[Any]]:
    """Return groups, oldest first."""
    return _PAGE.all(db, after_id=after_id, limit=limit)


def create(db: Session, **values: Any) -> Group:
    """Create a group. Raises: Conflict, if there is already a group with this name."""
    return rows.save(db, Group(**values), VIOLATIONS)


def update(db: Session, *, group_id: int, expected: Expected, **values: Any) -> Group:
    """Set the named columns. Raises: NotFound; VersionMismatch; Conflict, if another group has this name."""
    return rows.save(db, rows.lock(db, Group, group_id, expected=expected), VIOLATIONS, **values)


def delete(db: Session, *, group_id: int, expected: Expected) -> None:
    """Delete the group. Its members stay, without a group. Raises: NotFound; VersionMismatch."""
    rows.delete(db, rows.lock(db, Group, group_id, expected=expected))
