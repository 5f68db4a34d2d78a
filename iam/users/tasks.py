from sqlalchemy.orm import Session

from conf._celery.app import celery_app
from conf._celery.models import Job
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session
from iam.users import imports
from iam.users.avatars import AVATARS


@celery_app.task(bind=True, name=AVATARS.task, max_attempts=3, retriable=False)
@with_db_session
def make_avatar(self: JobTask, *, user_id: int, source_key: str, db: Session) -> None:
    assert self.attempt is not None
    AVATARS.make(db, row_id=user_id, source_key=source_key, attempt=self.attempt)


@make_avatar.on_status_change
def avatar_status_changed(db: Session, job: Job) -> None:
    AVATARS.on_status_change(db, job)


@celery_app.task(bind=True, name=imports.IMPORT, max_attempts=20, retriable=False)
@with_db_session
def import_file(self: JobTask, *, import_id: int, db: Session) -> None:
    assert self.attempt is not None
    imports.run(db, import_id=import_id, attempt=self.attempt)


@import_file.on_status_change
def import_status_changed(db: Session, job: Job) -> None:
    imports.on_status_change(db, job=job)
