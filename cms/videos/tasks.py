from sqlalchemy.orm import Session

from cms.videos import helpers
from conf._celery.app import celery_app
from conf._celery.models import Job
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session

HOUR_S = 3600


# Transcoding has its own time limit, by the duration of the video. The limits here are a safety net.
@celery_app.task(
    bind=True,
    name=helpers.PROCESS,
    job_queue="long",
    max_attempts=3,
    takes_turns=True,
    soft_time_limit=48 * HOUR_S,
    time_limit=48 * HOUR_S + 60,
)
@with_db_session
def process(self: JobTask, *, video_id: int, db: Session) -> None:
    assert self.attempt is not None
    helpers.process(db, video_id=video_id, attempt=self.attempt)


@process.on_status_change
def on_status_change(db: Session, job: Job) -> None:
    helpers.on_status_change(db, job=job)
