"""Mails. They are sent at least once: a worker that dies between sending and the record sends again."""

from sqlalchemy.orm import Session

from conf import mail
from conf._celery.app import celery_app
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session
from conf.errors import NotFound
from conf.settings import get_settings
from iam.tokens import helpers
from iam.tokens.jwt import Kind
from iam.users import crud as users
from iam.users.imports import INVITE

LETTER = """Hello{name},

{why} Set your password here, within an hour:

{link}

{end}
"""


def _link(page: str, token: str) -> str:
    """Behind the #, so that no log of a server or a proxy sees the token."""
    return f"{get_settings().public_url}/account/{page}/#token={token}"


@celery_app.task(bind=True, name=helpers.WELCOME, max_attempts=10)
@with_db_session
def mail_welcome(self: JobTask, *, user_id: int, db: Session) -> None:  # noqa: ARG001
    try:
        user = users.lock(db, user_id=user_id)
    except NotFound:
        return
    link = _link("verify", helpers.mailed_token(Kind.VERIFY, user))
    text = f"Hello {user.first_name},\n\nyou have an account at Campus. Confirm that this is your e-mail:\n\n{link}\n"
    mail.send(to=user.email, subject="Welcome to Campus", text=text)


@celery_app.task(bind=True, name=helpers.RESET, max_attempts=10)
@with_db_session
def mail_reset(self: JobTask, *, email: str, db: Session) -> None:  # noqa: ARG001
    user = users.by_email(db, email=email)
    if user is None:
        return
    text = LETTER.format(
        name=f" {user.first_name}",
        why="somebody, hopefully you, has forgotten the password of your account at Campus.",
        link=_link("password", helpers.mailed_token(Kind.RESET, user)),
        end="If it was not you, do nothing: your password stays as it is.",
    )
    mail.send(to=user.email, subject="Your password at Campus", text=text)


@celery_app.task(bind=True, name=INVITE, max_attempts=10)
@with_db_session
def mail_invitation(self: JobTask, *, user_id: int, db: Session) -> None:  # noqa: ARG001
    try:
        user = users.lock(db, user_id=user_id)
    except NotFound:
        return
    text = LETTER.format(
        name=f" {user.first_name}",
        why="you have an account at Campus now.",
        link=_link("password", helpers.mailed_token(Kind.RESET, user)),
        end=f"Later, ask for another link at {get_settings().public_url}/account/password/.",
    )
    mail.send(to=user.email, subject="Your account at Campus", text=text)
