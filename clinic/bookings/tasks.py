from sqlalchemy.orm import Session

from clinic.bookings import notices, waiting
from clinic.bookings.notices import Kind
from conf._celery.app import celery_app
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session
from conf.db.session import release


@celery_app.task(bind=True, name=notices.NOTIFY, max_attempts=10)
@with_db_session
def notify(
    self: JobTask,  # noqa: ARG001
    *,
    booking_id: int,
    kind: str,
    reason: str = "",
    starts_at: str = "",
    db: Session,
) -> None:
    """Sent at least once: a worker that dies between sending and the record sends again."""
    notice = notices.write(db, booking_id=booking_id, kind=Kind(kind), starts_at=starts_at, reason=reason)
    release(db)
    if notice is not None:
        for send in notices.CHANNELS:
            send(notice)


@celery_app.task(bind=True, name=waiting.EXPIRE, max_attempts=10)
@with_db_session
def expire(self: JobTask, *, booking_id: int, db: Session) -> None:  # noqa: ARG001
    waiting.expire(db, booking_id=booking_id)
