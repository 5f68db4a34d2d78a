from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import text

from conf._celery.enqueue import enqueue
from conf.db.dependencies import with_db_session
from tests.matrix import OWNER, V1, Case, only, signed_in
from tests.people import Person

ROWS = {
    "list_jobs": Case(f"{V1}/jobs/", signed_in()),
    "get_job": Case(f"{V1}/jobs/{{job}}/", only(*OWNER, others=404)),
    "cancel_job": Case(f"{V1}/jobs/{{job}}/cancel/", only(*OWNER, status=202, others=404)),
    "retry_job": Case(f"{V1}/jobs/{{ended_job}}/retry/", only(*OWNER, status=202, others=404)),
    "watch_job": Case(f"{V1}/jobs/{{ended_job}}/events/", only(*OWNER, others=404)),
}


@with_db_session
def _jobs(*, owner_id: int, db: Any) -> tuple[int, int]:
    running = enqueue(db, "iam.tokens.mail_reset", owner_id=owner_id, email="x")
    ended = enqueue(db, "iam.tokens.mail_reset", owner_id=owner_id, email="x")
    db.execute(text("UPDATE jobs SET status = 'failed', finished_at = now() WHERE id = :id"), {"id": ended.id})
    return running.id, ended.id


def make_rows(api: TestClient, owner: Person) -> dict[str, object]:
    job, ended_job = _jobs(owner_id=owner.id)
    return {"job": job, "ended_job": ended_job}
