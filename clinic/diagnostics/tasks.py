from sqlalchemy.orm import Session

from clinic.diagnostics.photos import PHOTOS
from conf._celery.app import celery_app
from conf._celery.models import Job
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session


@celery_app.task(bind=True, name=PHOTOS.task, max_attempts=3, retriable=False)
@with_db_session
def make_photo(self: JobTask, *, diagnostic_id: int, source_key: str, db: Session) -> None:
    assert self.attempt is not None
    PHOTOS.make(db, row_id=diagnostic_id, source_key=source_key, attempt=self.attempt)


@make_photo.on_status_change
def on_status_change(db: Session, job: Job) -> None:
    PHOTOS.on_status_change(db, job)
