"""E-mails about accounts, delivered at least once: if a worker dies after sending an e-mail and before the job is
recorded as done, the mail is sent again."""

import structlog
from sqlalchemy.orm import Session

from conf import mail
from conf._celery.app import celery_app
from conf._celery.task import JobTask
from conf.db.dependencies import with_db_session
from conf.db.session import release_connection
from conf.mail import limits
from conf.settings import get_settings
from conf.texts import Texts
from iam.tokens import helpers
from iam.tokens.jwt import Kind
from iam.users import crud as users
from iam.users.imports import INVITE
from iam.users.models import User

log = structlog.get_logger(__name__)

TEXTS = Texts("iam")
PURPOSE = "account"


def _link(page: str, token: str) -> str:
    """Return the URL of the page, with the token in the fragment: browsers do not send it, so no log contains it."""
    return f"{get_settings().public_url}/account/{page}/#token={token}"


def _send(db: Session, user: User | None, kind: Kind, *, page: str, subject: str, text: str) -> None:
    """Send an e-mail with a link to `page`, if the user exists and did not get too many mails in the last hour.

    `subject`, `text`: names of messages in `iam/texts/`.

    The session holds no lock and no connection while the mail is sent, since the mail server may be slow.
    """
    if user is None:
        return
    link = _link(page, helpers.mailed_token(kind, user))
    reset_page = f"{get_settings().public_url}/account/password/"
    release_connection(db)
    with limits.sending(to=user.email, purpose=PURPOSE) as wait_s:
        if wait_s:
            log.warning("a mail is not sent, as its recipient got too many in the last hour", user_id=user.id)
            return
        mail.send(
            to=user.email,
            subject=TEXTS(user.language, subject),
            text=TEXTS(user.language, text, link=link, page=reset_page) + "\n",
        )


@celery_app.task(bind=True, name=helpers.WELCOME, max_attempts=10)
@with_db_session
def mail_welcome(self: JobTask, *, user_id: int, db: Session) -> None:  # noqa: ARG001
    user = users.with_password_hash(db, user_id=user_id)
    _send(db, user, Kind.VERIFY, page="verify", subject="welcome-subject", text="welcome")


@celery_app.task(bind=True, name=helpers.RESET, max_attempts=10)
@with_db_session
def mail_reset(self: JobTask, *, email: str, db: Session) -> None:  # noqa: ARG001
    user = users.by_email(db, email=email)
    _send(db, user, Kind.RESET, page="password", subject="reset-subject", text="reset")


@celery_app.task(bind=True, name=INVITE, max_attempts=10)
@with_db_session
def mail_invitation(self: JobTask, *, user_id: int, db: Session) -> None:  # noqa: ARG001
    user = users.with_password_hash(db, user_id=user_id)
    _send(db, user, Kind.RESET, page="password", subject="invitation-subject", text="invitation")
