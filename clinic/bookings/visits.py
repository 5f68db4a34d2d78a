"""What staff record of a visit: the patient arrived, it took place, or the patient did not come."""

import zoneinfo
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from clinic.bookings import crud, helpers, times
from clinic.bookings.models import BookingStatus
from clinic.bookings.patients import Requester
from conf.errors import Conflict, Forbidden
from conf.values import Expected

NEXT: dict[BookingStatus, tuple[BookingStatus, ...]] = {
    BookingStatus.BOOKED: (BookingStatus.ARRIVED, BookingStatus.FULFILLED, BookingStatus.NOSHOW),
    BookingStatus.ARRIVED: (BookingStatus.FULFILLED, BookingStatus.BOOKED),
    BookingStatus.FULFILLED: (BookingStatus.ARRIVED,),
    BookingStatus.NOSHOW: (BookingStatus.ARRIVED, BookingStatus.BOOKED),
}
"""The status transitions for staff, including those that correct a mistake. `cancel` is separate."""


def set_status(
    db: Session, *, booking_id: int, status: BookingStatus, reason: str, requester: Requester, expected: Expected
) -> Row[Any]:
    """Record what happened at the visit, as staff.

    Raises: NotFound; Forbidden; VersionMismatch; Conflict, if the booking cannot change to this status, or not yet.
    """
    if not requester.is_staff:
        raise Forbidden("Only staff can set the status.")
    seen = helpers.get(db, booking_id=booking_id, requester=requester)
    booking = crud.lock(db, booking_id=booking_id)
    expected.check(booking.updated_at)
    if status not in NEXT.get(booking.status, ()):
        possible = " or ".join(NEXT.get(booking.status, ()))
        hint = f" Set it to {possible}." if possible else ""
        raise Conflict(f"The status cannot change from {booking.status} to {status}.{hint}")
    if status == BookingStatus.NOSHOW and times.now() < booking.starts_at:
        raise Conflict("The status noshow can only be set after the start of the visit.")
    zone = zoneinfo.ZoneInfo(seen.time_zone)
    if (
        status != BookingStatus.BOOKED
        and times.now().astimezone(zone).date() < booking.starts_at.astimezone(zone).date()
    ):
        raise Conflict("This status can only be set on or after the day of the visit.")
    helpers.change(db, booking, requester=requester, reason=reason, status=status)
    return crud.view(db, booking_id=booking_id)
