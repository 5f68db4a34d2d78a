"""Queries on `results`."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.results.models import Result, ResultStatus
from conf.db import rows


def get(db: Session, *, result_id: int) -> Result:
    """Return the result. Raises: NotFound."""
    return rows.get(db, Result, result_id)


def lock(db: Session, *, result_id: int) -> Result:
    """Return the result, locked until the transaction ends. Raises: NotFound."""
    return rows.lock(db, Result, result_id)


def of_booking(db: Session, *, booking_id: int, ready: bool) -> Sequence[Result]:
    """Return the results of the booking, oldest first. `ready`: only those that are ready."""
    query = select(Result).where(Result.booking_id == booking_id).order_by(Result.id)
    if ready:
        query = query.where(Result.status == ResultStatus.READY)
    return db.scalars(query).all()
