from sqlalchemy.orm import Session

from clinic.bookings import notices, waiting
from clinic.bookings.notices import Kind
from conf._celery.app import celery_app
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session
from conf.db.session import release_connection
from conf.mail import limits


@celery_app.task(bind=True, name=notices.NOTIFY, max_attempts=10, cancellable=False)
@with_db_session
def notify(self: JobTask, *, booking_id: int, kind: str, reason: str, db: Session) -> None:
    """Send the notice at least once: if the worker dies before the job is recorded as done, it is sent again. If the
    recipient got too many mails in the last hour, it is sent later."""
    assert self.attempt is not None
    job_id = self.attempt.id
    notice = notices.compose(db, booking_id=booking_id, kind=Kind(kind), reason=reason, job_id=job_id)
    if notice is None:
        return
    release_connection(db)
    with limits.sending(to=notice.email, purpose=notices.purpose_of(Kind(kind))) as wait_s:
        if wait_s:
            notices.postpone(db, booking_id=booking_id, kind=Kind(kind), reason=reason, job_id=job_id, wait_s=wait_s)
            return
        for send in notices.CHANNELS:
            send(notice)


@celery_app.task(bind=True, name=waiting.EXPIRE, max_attempts=10, cancellable=False)
@with_db_session
def expire(self: JobTask, *, booking_id: int, db: Session) -> None:  # noqa: ARG001
    waiting.expire(db, booking_id=booking_id)
