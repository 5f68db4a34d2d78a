"""Read, lock, write and delete single rows. Constraint violations become domain errors:

    VIOLATIONS = {"uq_groups_name": partial(Conflict, "There is already a group with this name.", field="name")}

    def create(db: Session, **values: Any) -> Group:
        return rows.save(db, Group(**values), VIOLATIONS)

Violations of other constraints raise IntegrityError.
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
"""The name of each constraint, and a function that returns the error to raise if it is violated."""
NONE: Violations = {}


def name_of(model: type[Model]) -> str:
    """Return the model's name in words: "doctor location"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", model.__name__).lower()


def get(db: Session, model: type[R], row_id: int, *, what: str = "") -> R:
    """Return the row. `what`: its name in the error message, if not `name_of(model)`. Raises: NotFound."""
    row = db.get(model, row_id)
    if row is None:
        raise NotFound(what or name_of(model), row_id)
    return row


def lock(db: Session, model: type[R], row_id: int, *, expected: Expected = ANY, what: str = "") -> R:
    """Return the row in its latest version, locked until the transaction ends.

    Raises: NotFound; VersionMismatch, if it has none of the `expected` versions.
    """
    row = db.get(model, row_id, with_for_update={"of": model}, populate_existing=True)
    if row is None:
        raise NotFound(what or name_of(model), row_id)
    if expected is not ANY:
        expected.check(row.updated_at)  # type: ignore[attr-defined]  # a table with versions has Timestamps
    return row


def save(db: Session, row: R, violations: Violations = NONE, **values: Any) -> R:
    """Set columns of a new or existing row, and write it. Raises: the errors in `violations`."""
    for name, value in values.items():
        setattr(row, name, value)
    db.add(row)
    flush(db, violations)
    return row


def delete(db: Session, row: Model, violations: Violations = NONE) -> None:
    """Delete the row. Raises: the errors in `violations`."""
    db.delete(row)
    flush(db, violations)


def flush(db: Session, violations: Violations) -> None:
    """Write pending changes. Raises: the errors in `violations`; IntegrityError, for any other constraint."""
    try:
        db.flush()
    except IntegrityError as error:
        make_error = violations.get(constraint_of(error))
        if make_error is None:
            raise
        raise make_error() from None


def constraint_of(error: IntegrityError) -> str:
    """Return the name of the violated constraint, or an empty string."""
    return getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
