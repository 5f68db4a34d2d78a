"""Limit the mails that one recipient gets: a stranger can have mails sent to any address, for example by bookings."""

import datetime as dt

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from conf.db.dependencies import with_db_session
from conf.keys import pseudonym
from conf.mail.models import SentMail
from conf.settings import get_settings

MAX_PER_HOUR = 10
"""Mails per recipient, purpose and hour. `LIMITS_FACTOR` multiplies it."""
WINDOW = dt.timedelta(hours=1)
PRUNE_BATCH = 100
_NOW = func.clock_timestamp()


def wait_s(db: Session, *, to: str, purpose: str) -> float:
    """Return the seconds until the recipient may get another mail of this purpose; 0 if that is now."""
    allowed = round(MAX_PER_HOUR * get_settings().limits_factor)
    if not allowed:
        return 0
    latest = select(SentMail.at).where(SentMail.recipient == _recipient(to, purpose), SentMail.at > _NOW - WINDOW)
    nth = latest.order_by(SentMail.at.desc()).offset(allowed - 1).limit(1).scalar_subquery()
    wait = db.scalar(select(func.extract("epoch", nth + WINDOW - _NOW)))
    return max(1.0, float(wait)) if wait is not None else 0


@with_db_session
def record(*, to: str, purpose: str, db: Session) -> None:
    """Record that a mail was sent, and delete records that are no longer needed."""
    db.add(SentMail(recipient=_recipient(to, purpose)))
    old = select(SentMail.id).where(SentMail.at < _NOW - WINDOW).limit(PRUNE_BATCH)
    db.execute(delete(SentMail).where(SentMail.id.in_(old.with_for_update(skip_locked=True))))


def _recipient(to: str, purpose: str) -> int:
    return pseudonym("mail", f"{purpose} {to}")
