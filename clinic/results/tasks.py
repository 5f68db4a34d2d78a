from sqlalchemy.orm import Session

from clinic.results import helpers
from conf._celery.app import celery_app
from conf._celery.models import Job
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session


@celery_app.task(bind=True, name=helpers.CHECK, max_attempts=3, retriable=False, cancellable=False)
@with_db_session
def check(self: JobTask, *, result_id: int, db: Session) -> None:
    assert self.attempt is not None
    helpers.check(db, result_id=result_id, attempt=self.attempt)


@check.on_status_change
def on_status_change(db: Session, job: Job) -> None:
    helpers.on_status_change(db, job=job)
