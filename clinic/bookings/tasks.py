from sqlalchemy.orm import Session

from clinic.bookings import notices, waiting
from clinic.bookings.notices import Kind
from conf._celery.app import celery_app
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session
from conf.db.session import release_connection


@celery_app.task(bind=True, name=notices.NOTIFY, max_attempts=10, cancellable=False)
@with_db_session
def notify(self: JobTask, *, booking_id: int, kind: str, reason: str, db: Session) -> None:
    """Send the notice at least once: if the worker dies before the job is recorded as done, it is sent again."""
    assert self.attempt is not None
    notice = notices.compose(db, booking_id=booking_id, kind=Kind(kind), reason=reason, job_id=self.attempt.id)
    release_connection(db)
    if notice is not None:
        for send in notices.CHANNELS:
            send(notice)


@celery_app.task(bind=True, name=waiting.EXPIRE, max_attempts=10, cancellable=False)
@with_db_session
def expire(self: JobTask, *, booking_id: int, db: Session) -> None:  # noqa: ARG001
    waiting.expire(db, booking_id=booking_id)
