"""Queries on `results`."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.results.models import Result, ResultStatus
from conf.errors import NotFound


def get(db: Session, *, result_id: int) -> Result:
    """The result, or NotFound."""
    result = db.get(Result, result_id)
    if result is None:
        raise NotFound("result", result_id)
    return result


def lock(db: Session, *, result_id: int) -> Result:
    """The result, locked until the transaction ends, or NotFound."""
    result = db.get(Result, result_id, with_for_update=True, populate_existing=True)
    if result is None:
        raise NotFound("result", result_id)
    return result


def of_booking(db: Session, *, booking_id: int, ready: bool) -> Sequence[Result]:
    """The oldest first; only what is `ready`, or all."""
    query = select(Result).where(Result.booking_id == booking_id).order_by(Result.id)
    if ready:
        query = query.where(Result.status == ResultStatus.READY)
    return db.scalars(query).all()
