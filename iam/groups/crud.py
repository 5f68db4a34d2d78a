"""Queries on `groups`."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from conf.errors import Conflict, NotFound
from conf.values import Expected
from iam.groups.models import Group


def get(db: Session, *, group_id: int) -> Group:
    """The group, or NotFound."""
    group = db.get(Group, group_id)
    if group is None:
        raise NotFound("group", group_id)
    return group


def by_names(db: Session, *, names: set[str]) -> dict[str, int]:
    """The ids of the groups of these names, by name in lower case."""
    wanted = [name.lower() for name in names]
    rows = db.execute(select(func.lower(Group.name), Group.id).where(func.lower(Group.name).in_(wanted)))
    return {row[0]: row[1] for row in rows}


def page(db: Session, *, after_id: int | None, limit: int) -> Sequence[Group]:
    """Groups in the order they were made."""
    return db.scalars(select(Group).where(Group.id > (after_id or 0)).order_by(Group.id).limit(limit)).all()


def create(db: Session, *, name: str, colour: str) -> Group:
    """Conflict when there is one of that name."""
    return _save(db, Group(name=name, colour=colour))


def lock(db: Session, *, group_id: int, expected: Expected) -> Group:
    """The group, locked until the transaction ends. NotFound; Changed."""
    group = db.get(Group, group_id, with_for_update=True, populate_existing=True)
    if group is None:
        raise NotFound("group", group_id)
    expected.check(group.updated_at)
    return group


def update(db: Session, *, group_id: int, expected: Expected, **values: object) -> Group:
    """Set the named columns. NotFound; Changed; Conflict when another has that name."""
    group = lock(db, group_id=group_id, expected=expected)
    for name, value in values.items():
        setattr(group, name, value)
    return _save(db, group)


def _save(db: Session, group: Group) -> Group:
    db.add(group)
    try:
        db.flush()
    except IntegrityError:
        raise Conflict("There is already a group of this name.", field="name") from None
    return group


def delete(db: Session, *, group_id: int, expected: Expected) -> None:
    """Its members stay, without a group. NotFound; Changed."""
    db.delete(lock(db, group_id=group_id, expected=expected))
    db.flush()
