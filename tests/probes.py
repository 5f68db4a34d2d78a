"""Tasks of the tests, to see from outside what workers do."""

import os
import signal
import time

from sqlalchemy import text
from sqlalchemy.orm import Session

from conf._celery.app import celery_app
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session
from conf.errors import Invalid, Unavailable


@celery_app.task(bind=True, name="tests.note")
@with_db_session
def note(self: JobTask, *, word: str, db: Session) -> None:
    db.execute(text("INSERT INTO notes (word) VALUES (:word)"), {"word": word})


@celery_app.task(bind=True, name="tests.turn", takes_turns=True)
@with_db_session
def turn(self: JobTask, *, word: str, db: Session) -> None:
    time.sleep(0.01)


@celery_app.task(bind=True, name="tests.poison", max_attempts=2)
@with_db_session
def poison(self: JobTask, *, db: Session) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@celery_app.task(bind=True, name="tests.wait")
@with_db_session
def wait(self: JobTask, *, seconds: float, db: Session) -> None:
    assert self.attempt is not None
    for step in range(int(seconds * 10)):
        self.attempt.progress(step * 10 / seconds)
        time.sleep(0.1)
    db.execute(text("INSERT INTO notes (word) VALUES ('waited')"))


@celery_app.task(bind=True, name="tests.refuse")
@with_db_session
def refuse(self: JobTask, *, again: bool, db: Session) -> None:
    db.execute(text("INSERT INTO notes (word) VALUES ('never kept')"))
    assert self.attempt is not None
    if again and self.attempt.number < 3:
        raise Unavailable("Come again.")
    if not again:
        raise Invalid("It is broken.")


@celery_app.task(bind=True, name="tests.stumble", max_attempts=2)
@with_db_session
def stumble(self: JobTask, *, db: Session) -> None:
    raise RuntimeError("a secret of the inside")


@celery_app.task(bind=True, name="tests.slow", soft_time_limit=1, time_limit=5, max_attempts=1)
@with_db_session
def slow(self: JobTask, *, db: Session) -> None:
    time.sleep(30)


def make_notes_table(db: Session) -> None:
    db.execute(text("CREATE TABLE IF NOT EXISTS notes (word text NOT NULL)"))


def notes(db: Session) -> list[str]:
    return list(db.scalars(text("SELECT word FROM notes ORDER BY word")))


@celery_app.task(bind=True, name="tests.nothing")
@with_db_session
def nothing(self: JobTask, *, db: Session) -> None:
    pass
