"""The job that removes stored files."""

from sqlalchemy.orm import Session

from conf._celery.app import celery_app
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session
from conf.storage.store import REMOVE, storage


@celery_app.task(bind=True, name=REMOVE, max_attempts=1000, cancellable=False)
@with_db_session
def remove(self: JobTask, *, prefix: str, db: Session) -> None:  # noqa: ARG001
    """Remove all files below the folder `prefix`."""
    storage().remove(prefix)
