"""Limit the mails that one recipient gets: a stranger can have mails sent to any address, for example by bookings."""

import contextlib
import datetime as dt
from collections.abc import Iterator

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
RECIPIENT_LOCK = 0x6D61696C  # key of PostgreSQL advisory locks: "mail" in ASCII
_NOW = func.clock_timestamp()


@contextlib.contextmanager
def sending(*, to: str, purpose: str) -> Iterator[float]:
    """Count a mail to this recipient, and yield 0; or yield the seconds until the recipient may get another one.

    If the block raises, the mail was not sent and is not counted.
    """
    wait_s, record_id = _reserve(to=to, purpose=purpose)
    try:
        yield wait_s
    except BaseException:
        if record_id is not None:
            _forget(record_id=record_id)
        raise


@with_db_session
def _reserve(*, to: str, purpose: str, db: Session) -> tuple[float, int | None]:
    factor = get_settings().limits_factor
    if not factor:
        return 0, None
    allowed, recipient = max(1, round(MAX_PER_HOUR * factor)), pseudonym("mail", f"{purpose} {to}")
    db.execute(select(func.pg_advisory_xact_lock(RECIPIENT_LOCK, func.hashint8(recipient))))
    latest = select(SentMail.at).where(SentMail.recipient == recipient, SentMail.at > _NOW - WINDOW)
    nth = latest.order_by(SentMail.at.desc()).offset(allowed - 1).limit(1).scalar_subquery()
    wait = db.scalar(select(func.extract("epoch", nth + WINDOW - _NOW)))
    if wait is not None:
        return max(1.0, float(wait)), None
    old = select(SentMail.id).where(SentMail.at < _NOW - WINDOW).limit(PRUNE_BATCH)
    db.execute(delete(SentMail).where(SentMail.id.in_(old.with_for_update(skip_locked=True))))
    record = SentMail(recipient=recipient)
    db.add(record)
    db.flush()
    return 0, record.id


@with_db_session
def _forget(*, record_id: int, db: Session) -> None:
    db.execute(delete(SentMail).where(SentMail.id == record_id))
