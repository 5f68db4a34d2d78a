"""Queries on `results`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from clinic.results.models import Result, ResultStatus
from conf.db import rows
from conf.db.reads import Read


def get(db: Session, *, result_id: int) -> Result:
    """Return the result. Raises: NotFound."""
    return rows.get(db, Result, result_id)


def lock(db: Session, *, result_id: int) -> Result:
    """Return the result, locked until the transaction ends. Raises: NotFound."""
    return rows.lock(db, Result, result_id)


_results = Result.__table__.c
_OF_BOOKING = Read(
    select(*_results).where(_results.booking_id == bindparam("booking_id")).order_by(_results.id),
    ready=_results.status == ResultStatus.READY,
)


def of_booking(db: Session, *, booking_id: int, ready: bool) -> Sequence[Row[Any]]:
    """Return the results of the booking, oldest first. `ready`: only those that are ready."""
    return _OF_BOOKING.all(db, booking_id=booking_id, ready=ready)
