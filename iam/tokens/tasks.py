"""Mails. They are sent at least once: a worker that dies between sending and the record sends again."""

from sqlalchemy.orm import Session

from conf import mail
from conf._celery.app import celery_app
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session
from conf.db.session import release
from conf.settings import get_settings
from iam.tokens import helpers
from iam.tokens.jwt import Kind
from iam.users import crud as users
from iam.users.imports import INVITE
from iam.users.models import User

LETTER = """Hello,

{why} Set your password here, within an hour:

{link}

{end}
"""
WELCOME = """Hello,

somebody, hopefully you, has made an account at Campus with this e-mail. If it was you, confirm it here:

{link}

If it was not you, do nothing.
"""


def _link(page: str, token: str) -> str:
    """Behind the #, so that no log of a server or a proxy sees the token."""
    return f"{get_settings().public_url}/account/{page}/#token={token}"


def _send(db: Session, user: User | None, kind: Kind, *, page: str, subject: str, letter: str) -> None:
    """Nothing of the row is locked, and no connection held, while the mail server takes its time."""
    if user is None:
        return
    text = letter.format(link=_link(page, helpers.mailed_token(kind, user)))
    release(db)
    mail.send(to=user.email, subject=subject, text=text)


@celery_app.task(bind=True, name=helpers.WELCOME, max_attempts=10)
@with_db_session
def mail_welcome(self: JobTask, *, user_id: int, db: Session) -> None:  # noqa: ARG001
    user = users.with_hash(db, user_id=user_id)
    _send(db, user, Kind.VERIFY, page="verify", subject="Welcome to Campus", letter=WELCOME)


@celery_app.task(bind=True, name=helpers.RESET, max_attempts=10)
@with_db_session
def mail_reset(self: JobTask, *, email: str, db: Session) -> None:  # noqa: ARG001
    letter = LETTER.replace("{why}", "somebody, hopefully you, has forgotten the password of your account at Campus.")
    letter = letter.replace("{end}", "If it was not you, do nothing: your password stays as it is.")
    user = users.by_email(db, email=email)
    _send(db, user, Kind.RESET, page="password", subject="Your password at Campus", letter=letter)


@celery_app.task(bind=True, name=INVITE, max_attempts=10)
@with_db_session
def mail_invitation(self: JobTask, *, user_id: int, db: Session) -> None:  # noqa: ARG001
    again = f"Later, ask for another link at {get_settings().public_url}/account/password/."
    letter = LETTER.replace("{why}", "you have an account at Campus now.").replace("{end}", again)
    user = users.with_hash(db, user_id=user_id)
    _send(db, user, Kind.RESET, page="password", subject="Your account at Campus", letter=letter)
