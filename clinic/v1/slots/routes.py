"""Free slots, computed from working hours, exceptions, booking rules and existing bookings."""

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

LocationId = Annotated[int, Query(ge=1, le=MAX_ID, description="ID of the location.")]
First = Annotated[
    Day | None, Query(alias="from", description="First date, in the location's time zone. Defaults to today.")
]
Last = Annotated[
    Day | None,
    Query(
        alias="to",
        description=(
            "Last date, included, in the location's time zone. Defaults to six days after `from`. The range has at most"
            " 62 days."
        ),
    ),
]


@router.get("/doctors/{doctor_id}/", response_model=schemas.Slots, dependencies=[PUBLIC])
def list_doctor_slots(
    doctor_id: Id, db: DbSession, location_id: LocationId, first: First = None, last: Last = None
) -> dict[str, Any]:
    """List the free slots of a doctor at a location, earliest first.

    Only slots that can be booked now are listed: not those that start within `notice_minutes` or later than
    `horizon_days` ahead. Returns 404 if the doctor does not work at the location, or either is inactive; 422 if `to` is
    before `from` or the range is longer than 62 days. Public."""
    return _slots(db, first, last, location_id=location_id, doctor_id=doctor_id, diagnostic_id=None)


@router.get("/diagnostics/{diagnostic_id}/", response_model=schemas.Slots, dependencies=[PUBLIC])
def list_diagnostic_slots(
    diagnostic_id: Id, db: DbSession, location_id: LocationId, first: First = None, last: Last = None
) -> dict[str, Any]:
    """List the free slots of a diagnostic at a location, earliest first.

    Only slots that can be booked now are listed: not those that start within `notice_minutes` or later than
    `horizon_days` ahead. Returns 404 if the location does not offer the diagnostic, or either is inactive; 422 if `to`
    is before `from` or the range is longer than 62 days. Public."""
    return _slots(db, first, last, location_id=location_id, doctor_id=None, diagnostic_id=diagnostic_id)


def _slots(db: Session, first: dt.date | None, last: dt.date | None, **target_ids: Any) -> dict[str, Any]:
    target = targets.get(db, **target_ids)
    items = times.of_days(db, target=target, first_day=first, last_day=last)
    return {"location_id": target.location_id, "time_zone": target.time_zone, "items": items}
