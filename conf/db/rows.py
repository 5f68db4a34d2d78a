"""Single rows: read, lock, write and delete them, with errors that a client understands.

VIOLATIONS = {"uq_groups_name": partial(Conflict, "There is already a group of this name.", field="name")}

def create(db: Session, **values: Any) -> Group:
    return rows.save(db, Group(**values), VIOLATIONS)
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from conf.db.models import Model
from conf.errors import NotFound
from conf.values import ANY, Expected

R = TypeVar("R", bound=Model)

Violations = Mapping[str, Callable[[], Exception]]
"""By the name of a constraint, the error that a client gets when it is violated."""
NONE: Violations = {}


def name_of(model: type[Model]) -> str:
    """The model's name in words: "doctor location"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", model.__name__).lower()


def get(db: Session, model: type[R], row_id: int, *, what: str = "") -> R:
    """Return the row. Raises: NotFound, which calls it `what`."""
    row = db.get(model, row_id)
    if row is None:
        raise NotFound(what or name_of(model), row_id)
    return row


def lock(db: Session, model: type[R], row_id: int, *, expected: Expected = ANY, what: str = "") -> R:
    """Return the row as it is now, locked until the transaction ends. Raises: NotFound; Changed."""
    row = db.get(model, row_id, with_for_update={"of": model}, populate_existing=True)
    if row is None:
        raise NotFound(what or name_of(model), row_id)
    if expected is not ANY:
        expected.check(row.updated_at)  # type: ignore[attr-defined]  # a row that is expected has Timestamps
    return row


def save(db: Session, row: R, violations: Violations = NONE, **values: Any) -> R:
    """Set the named columns of a row, new or not, and write it. Raises what `violations` names."""
    for name, value in values.items():
        setattr(row, name, value)
    db.add(row)
    flush(db, violations)
    return row


def delete(db: Session, row: Model, violations: Violations = NONE) -> None:
    """Delete the row. Raises what `violations` names."""
    db.delete(row)
    flush(db, violations)


def flush(db: Session, violations: Violations) -> None:
    """Write what has changed. Raises the error that `violations` has for the constraint; any other as it is."""
    try:
        db.flush()
    except IntegrityError as error:
        make = violations.get(constraint_of(error))
        if make is None:
            raise
        raise make() from None


def constraint_of(error: IntegrityError) -> str:
    """The name of the constraint that was violated."""
    return getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
