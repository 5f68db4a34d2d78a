"""Limits of what one origin can occupy: a guest's network address, an account, or a user of Telegram.

A few free slots are enough for a person who books. Without limits, one script would take all slots of a doctor.
"""

from typing import Any

from sqlalchemy.orm import Session

from clinic.bookings import crud
from conf.errors import RateLimited
from conf.settings import get_settings

MAX_HOLDS_HERE, MAX_HOLDS = 3, 10
"""Open holds of one origin, with one doctor or diagnostic and in all. `LIMITS_FACTOR` multiplies each of these."""
MAX_OF_GUESTS_HERE, MAX_OF_GUESTS = 5, 20
"""Upcoming bookings of guests from one address, with one doctor or diagnostic and in all."""
MAX_OF_ACCOUNT_HERE, MAX_OF_ACCOUNT = 20, 40
"""Upcoming bookings of one account or user of Telegram, with one doctor or diagnostic and in all."""
MAX_WAITING = 10
"""Entries of guests from one address on waiting lists."""


def assert_may_hold(db: Session, *, origin_key: int | None, target: Any) -> None:
    """Check the number of holds, and lock the origin. `target`: has `doctor_id` and `diagnostic_id`.

    Raises: RateLimited.
    """
    _assert_few(db, origin_key, target, holds=True, here=MAX_HOLDS_HERE, everywhere=MAX_HOLDS, retry_after=600)


def assert_may_book(db: Session, *, origin_key: int | None, target: Any, is_guest: bool) -> None:
    """Check the number of upcoming bookings, and lock the origin. Raises: RateLimited."""
    here, everywhere = MAX_OF_ACCOUNT_HERE, MAX_OF_ACCOUNT
    if is_guest:
        here, everywhere = MAX_OF_GUESTS_HERE, MAX_OF_GUESTS
    _assert_few(db, origin_key, target, holds=False, here=here, everywhere=everywhere, retry_after=3600)


def assert_may_wait(db: Session, *, origin_key: int | None) -> None:
    """Check the number of entries on waiting lists, and lock the origin. Raises: RateLimited."""
    factor = get_settings().limits_factor
    if origin_key is None or not factor:
        return
    crud.lock_origin(db, origin_key=origin_key)
    if crud.count_waiting(db, origin_key=origin_key) >= MAX_WAITING * factor:
        raise RateLimited("There are too many entries from your network. Sign in to add one.", retry_after=3600)


def _assert_few(
    db: Session, origin_key: int | None, target: Any, *, holds: bool, here: int, everywhere: int, retry_after: int
) -> None:
    factor = get_settings().limits_factor
    if origin_key is None or not factor:
        return
    crud.lock_origin(db, origin_key=origin_key)
    found_here, found = crud.count_open(
        db, origin_key=origin_key, holds=holds, doctor_id=target.doctor_id, diagnostic_id=target.diagnostic_id
    )
    if found_here < here * factor and found < everywhere * factor:
        return
    what = "hold too many slots" if holds else "have too many upcoming bookings"
    raise RateLimited(f"You, or guests in your network, {what}. Use or cancel those first.", retry_after=retry_after)
