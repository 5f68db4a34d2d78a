"""Free times, computed from hours, exceptions, rules and what is booked."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy.orm import Session

from clinic.bookings import targets, times
from clinic.v1.slots import schemas
from conf.db.dependencies import DbSession
from conf.http.access import PUBLIC
from conf.http.route import Router
from conf.http.schemas import Id
from conf.values import MAX_ID, Day

router = Router("/api/v1/slots", tags=["clinic: slots"])

LocationId = Annotated[int, Query(ge=1, le=MAX_ID)]
First = Annotated[Day | None, Query(alias="from", description="The first day, at the location: today.")]
Last = Annotated[Day | None, Query(alias="to", description="The last day: a week. At most 62 days in all.")]


@router.get("/doctors/{doctor_id}/", response_model=schemas.Slots, dependencies=[PUBLIC])
def list_doctor_slots(
    doctor_id: Id, db: DbSession, location_id: LocationId, first: First = None, last: Last = None
) -> dict[str, Any]:
    """The doctor's free times at that location. Public."""
    return _slots(db, first, last, location_id=location_id, doctor_id=doctor_id, diagnostic_id=None)


@router.get("/diagnostics/{diagnostic_id}/", response_model=schemas.Slots, dependencies=[PUBLIC])
def list_diagnostic_slots(
    diagnostic_id: Id, db: DbSession, location_id: LocationId, first: First = None, last: Last = None
) -> dict[str, Any]:
    """The diagnostic's free times at that location. Public."""
    return _slots(db, first, last, location_id=location_id, doctor_id=None, diagnostic_id=diagnostic_id)


def _slots(db: Session, first: dt.date | None, last: dt.date | None, **which: Any) -> dict[str, Any]:
    target = targets.get(db, **which)
    items = times.of_days(db, target=target, first_day=first, last_day=last)
    return {"location_id": target.location_id, "time_zone": target.time_zone, "items": items}
