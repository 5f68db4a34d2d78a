"""Queries on `groups`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from conf.db import rows
from conf.errors import Conflict
from conf.values import Expected
from iam.groups.models import Group

VIOLATIONS = {"uq_groups_name": partial(Conflict, "There is already a group of this name.", field="name")}


def get(db: Session, *, group_id: int) -> Group:
    """Return the group. Raises: NotFound."""
    return rows.get(db, Group, group_id)


def by_names(db: Session, *, names: set[str]) -> dict[str, int]:
    """The ids of the groups of these names, by name in lower case."""
    wanted = [name.lower() for name in names]
    found = db.execute(select(func.lower(Group.name), Group.id).where(func.lower(Group.name).in_(wanted)))
    return {row[0]: row[1] for row in found}


def page(db: Session, *, after_id: int | None, limit: int) -> Sequence[Group]:
    """Groups in the order they were made."""
    return db.scalars(select(Group).where(Group.id > (after_id or 0)).order_by(Group.id).limit(limit)).all()


def create(db: Session, **values: Any) -> Group:
    """Raises: Conflict when there is one of that name."""
    return rows.save(db, Group(**values), VIOLATIONS)


def update(db: Session, *, group_id: int, expected: Expected, **values: Any) -> Group:
    """Set the named columns. Raises: NotFound; Changed; Conflict when another group has that name."""
    return rows.save(db, rows.lock(db, Group, group_id, expected=expected), VIOLATIONS, **values)


def delete(db: Session, *, group_id: int, expected: Expected) -> None:
    """Delete the group; its members stay, without a group. Raises: NotFound; Changed."""
    rows.delete(db, rows.lock(db, Group, group_id, expected=expected))
