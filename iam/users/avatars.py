"""Pictures of people: checked, turned upright, cut square, written anew in two sizes, with nothing else of the file."""

import contextlib
import posixpath
import secrets
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from conf import sandbox
from conf._celery import crud as jobs_crud
from conf._celery.enqueue import enqueue
from conf._celery.models import ENDED, Job
from conf._celery.task import Attempt, stop
from conf.db.dependencies import with_db_session
from conf.db.session import release
from conf.errors import Conflict, Forbidden, Invalid, NotFound, Unsupported
from conf.storage.store import NewFiles, new_files, remove_later, storage
from conf.storage.work import work_folder
from iam.roles import Identity
from iam.users import crud, shrink_file
from iam.users.helpers import folder_of
from iam.users.models import User

log = structlog.get_logger(__name__)

MAKE = "iam.users.make_avatar"
MAX_BYTES = 10 * 1024 * 1024
LIMIT_S = 30


def assert_may_change(*, user_id: int, editor: Identity) -> None:
    """Forbidden unless it is one's own or an admin's to change."""
    if user_id != editor.user_id and not editor.may("users:admin"):
        raise Forbidden("You may not change this person.")


def replace(*, user_id: int, editor: Identity, path: Path) -> User:
    """Have the file at `path`, which is moved away, made into the user's picture by the job `avatar_job_id`.

    NotFound; Forbidden; Unsupported when it is no picture.
    """
    assert_may_change(user_id=user_id, editor=editor)
    with path.open("rb") as file:
        if not _is_picture(file.read(12)):
            raise Unsupported("The file must be a JPEG, PNG, WebP or GIF picture.", field="file")
    with new_files(f"{folder_of(user_id)}{secrets.token_hex(6)}/") as files:
        key = files.put("source", path)
        return _attach(user_id=user_id, editor=editor, key=key, files=files)


def _is_picture(head: bytes) -> bool:
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))


@with_db_session
def _attach(*, user_id: int, editor: Identity, key: str, files: NewFiles, db: Session) -> User:
    user = _lock_and_stop(db, user_id=user_id)
    user.avatar_job_id = enqueue(db, MAKE, owner_id=editor.user_id, user_id=user_id, source_key=key).id
    files.keep(db)
    db.flush()
    return user


def _lock_and_stop(db: Session, *, user_id: int) -> User:
    """The user, locked, with the making of any picture stopped. Rows are locked in one order: the job first."""
    job_id = crud.get(db, user_id=user_id).avatar_job_id
    job = None
    with contextlib.suppress(NotFound):  # jobs are forgotten when they are old
        job = jobs_crud.lock(db, job_id=job_id) if job_id else None
    user = crud.lock(db, user_id=user_id)
    if user.avatar_job_id != job_id:
        raise Conflict("Another picture is being put in its place right now. Try again.")
    if job is not None and job.status not in ENDED:
        stop(db, job)
    return user


def remove(db: Session, *, user_id: int, editor: Identity) -> None:
    """Take the picture away. NotFound; Forbidden."""
    assert_may_change(user_id=user_id, editor=editor)
    user = _lock_and_stop(db, user_id=user_id)
    _drop(db, user)
    user.avatar_job_id = user.avatar_key = user.avatar_small_key = None
    db.flush()


def _drop(db: Session, user: User) -> None:
    if user.avatar_key:
        remove_later(db, prefix=posixpath.dirname(user.avatar_key) + "/")


def make(db: Session, *, user_id: int, source_key: str, attempt: Attempt) -> None:
    """Make the two pictures. Invalid, with the reason for a person, when the file is none."""
    if crud.get(db, user_id=user_id).avatar_job_id != attempt.id:
        raise Conflict("The picture has been replaced.")
    release(db)
    with work_folder(f"job-{attempt.id}") as work:
        source, made = work / "source", work / "made"
        made.mkdir()
        try:
            storage().fetch(source_key, source)
        except NotFound:
            raise Invalid("The picture is gone. Send it again.") from None
        _shrink(source, made)
        prefix = f"{folder_of(user_id)}{attempt.id}.{attempt.number}/"
        with new_files(prefix) as files:
            keys = {path.stem: files.put(path.name, path) for path in made.iterdir()}
            attempt.hold(db)
            user = crud.lock(db, user_id=user_id)
            if user.avatar_job_id != attempt.id:
                raise Conflict("The picture has been replaced.")
            _drop(db, user)
            user.avatar_key, user.avatar_small_key = keys["large"], keys["small"]
            remove_later(db, prefix=posixpath.dirname(source_key) + "/")
            files.keep(db)


def follow(db: Session, *, job: Job) -> None:
    """Remove the file that came when nobody will read it any more."""
    if job.status in ENDED:
        remove_later(db, prefix=posixpath.dirname(job.args["source_key"]) + "/")


def _shrink(source: Path, made: Path) -> None:
    ended = sandbox.run_python(
        shrink_file.__file__, [str(source), str(made)], readable=[source], work=made, limit_s=LIMIT_S
    )
    if ended.status or ended.output.strip() != b"ok":
        log.warning("a picture cannot be read", status=ended.status, errors=ended.errors)
        raise Invalid(ended.output.decode(errors="replace").strip() or "The picture cannot be read: it is damaged.")
