"""Registration, signing in and out, sessions, passwords, verifying an e-mail address."""

from typing import Annotated, Any

from fastapi import Header, Request, Response

from conf._celery.enqueue import enqueue
from conf.db.dependencies import DbSession
from conf.db.session import read_on_main
from conf.http.access import NO_STORE, PUBLIC
from conf.http.languages import PreferredLanguage
from conf.http.limits import Policy, by_account, by_address, count_address
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.threads import heavy
from conf.settings import get_settings
from conf.storage import usage
from iam.dependencies import RequestOrigin, SignedIn
from iam.tokens import crud, helpers
from iam.tokens.helpers import Tokens
from iam.users import crud as users
from iam.v1.auth import schemas
from iam.v1.users.schemas import Me, visible_fields

router = Router("/api/v1/auth", tags=["auth"])

LOGIN = Policy("login", address="100/minute", account="10/minute")
REGISTER = Policy("register", address="100/hour", account="5/hour")
REFRESH = Policy("refresh", address="600/minute", account="30/minute")
RESET = Policy("reset", address="60/hour", account="5/hour")
VERIFY = Policy("verify", address="600/hour", account="5/hour")
PASSWORD = Policy("password", address="100/minute", account="10/minute")


@router.post(
    "/register/",
    response_model=schemas.Tokens,
    status_code=201,
    responses=error_responses(403),
    dependencies=[PUBLIC, by_address(REGISTER), NO_STORE],
)
@heavy
def register(
    person: schemas.Registration,
    db: DbSession,
    origin: RequestOrigin,
    language: PreferredLanguage,
    request: Request,
    response: Response,
) -> Tokens:
    """Create a student account for yourself and sign in.

    An e-mail with a link to verify the e-mail address is sent. Returns 403 if registration is switched off, 409 if the
    e-mail address already has an account, and 422 if the password is too easy to guess. Public.
    """
    by_account(request, REGISTER, person.email)
    response.headers["Location"] = "/api/v1/auth/me/"
    return helpers.register(db, origin=origin, language=language, **person.model_dump())


def _known_device(request: Request) -> str | None:
    return helpers.device_of(request.headers.get("device-token", ""))


@router.post(
    "/login/",
    response_model=schemas.Tokens,
    responses=error_responses(401),
    dependencies=[PUBLIC, by_address(LOGIN, known_client=_known_device), NO_STORE],
)
@heavy
def login(
    credentials: schemas.Credentials,
    db: DbSession,
    origin: RequestOrigin,
    request: Request,
    device_token: Annotated[
        str,
        Header(
            max_length=4096,
            description="The `device_token` of an earlier sign-in. It gives this device a rate limit of its own.",
            examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"],
        ),
    ] = "",
) -> Tokens:
    """Sign in with an e-mail address and a password.

    Returns 401 if one of them is wrong; the response does not tell which. Public.
    """
    if helpers.is_known_device(db, token=device_token, email=credentials.email):
        by_account(request, LOGIN, f"known devices of {credentials.email}")
    else:
        count_address(request, LOGIN)  # also if it has sent the token of another account
        by_account(request, LOGIN, helpers.attempts_key(db, email=credentials.email))
    return helpers.sign_in(db, email=credentials.email, password=credentials.password, origin=origin)


@router.post(
    "/refresh/",
    response_model=schemas.Tokens,
    responses=error_responses(401),
    dependencies=[PUBLIC, by_address(REFRESH), NO_STORE],
)
def refresh(token: schemas.Refresh, db: DbSession, origin: RequestOrigin, request: Request) -> Tokens:
    """Exchange a refresh token for a new access token and a new refresh token.

    A refresh token works once. If it is sent a second time, even at the same time as the first, the response is 401 and
    the session ends, because somebody else may have a copy of the token. So make sure that only one part of your
    program refreshes at a time. Public.
    """
    by_account(request, REFRESH, str(helpers.subject_of(token.refresh_token)))
    return helpers.refresh(db, refresh_token=token.refresh_token, origin=origin)


@router.post("/logout/", status_code=204)
def logout(me: SignedIn, db: DbSession, origin: RequestOrigin) -> None:
    """Sign out: end the session with which the request is made. Requires: signed in."""
    helpers.sign_out(db, identity=me, session_id=me.session_id, origin=origin)


@router.get("/me/", response_model=Me)
def get_me(me: SignedIn, db: DbSession) -> dict[str, Any]:
    """Return your account and your permissions. Requires: signed in."""
    with read_on_main(db) as latest:  # the account may have just been created
        user = users.view(latest, user_id=me.user_id)
        used = usage.used_bytes(latest, owner_id=me.user_id)
    return visible_fields(user, viewer=me) | {
        "language": user.language,
        "permissions": me.permissions,
        "avatar_job_id": user.avatar_job_id,
        "stored_bytes": used,
        "quota_bytes": get_settings().quota_bytes or None,
    }


@router.get("/sessions/")
def list_sessions(me: SignedIn, db: DbSession) -> list[schemas.Session]:
    """List your sessions, most recently used first: your sign-ins, and the clients that act for you.

    Returns at most 100 sessions. Requires: signed in.
    """
    with read_on_main(db) as latest:
        rows = crud.list_of_user(latest, user_id=me.user_id)
    return [row._asdict() | {"current": row.id == me.session_id} for row in rows]


@router.delete("/sessions/{session_id}/", status_code=204)
def revoke_session(session_id: Id, me: SignedIn, db: DbSession, origin: RequestOrigin) -> None:
    """End one of your sessions.

    From then on its access token cannot change anything; it may still read for up to 30 seconds. Returns 404 if the
    session has ended or belongs to somebody else. Requires: signed in.
    """
    helpers.sign_out(db, identity=me, session_id=session_id, origin=origin)


@router.post("/password/", status_code=204, dependencies=[by_address(PASSWORD), NO_STORE])
@heavy
def change_password(
    passwords: schemas.PasswordChange, me: SignedIn, db: DbSession, origin: RequestOrigin, request: Request
) -> None:
    """Change your password and end all your other sessions.

    Returns 403 if the old password is wrong, and 422 if the new one is too easy to guess. Requires: signed in.
    """
    by_account(request, PASSWORD, str(me.user_id))
    helpers.change_password(db, identity=me, old=passwords.old_password, new=passwords.new_password, origin=origin)


@router.post("/password/reset/", status_code=202, dependencies=[PUBLIC, by_address(RESET)])
def forget_password(person: schemas.PasswordForgotten, db: DbSession, request: Request) -> Response:
    """Send an e-mail with a link to set a new password. The link works once, within an hour.

    The response is the same if no account has this e-mail address; then no mail is sent. Public.
    """
    by_account(request, RESET, person.email)
    enqueue(db, helpers.RESET, email=person.email)
    return Response(status_code=202)


@router.post("/password/reset/confirm/", status_code=204, dependencies=[PUBLIC, by_address(RESET), NO_STORE])
@heavy
def reset_password(reset: schemas.PasswordReset, db: DbSession, origin: RequestOrigin) -> None:
    """Set a new password with the token from a reset or invitation mail, and end all sessions of the account.

    The token works once, within an hour. Using it also verifies the e-mail address. Returns 422 if the token is invalid
    or the password is too easy to guess. Public.
    """
    helpers.reset_password(db, token=reset.token, new=reset.new_password, origin=origin)


@router.post("/email/verify/", status_code=204, dependencies=[PUBLIC, by_address(VERIFY)])
def verify_email(verification: schemas.EmailVerification, db: DbSession) -> None:
    """Verify your e-mail address with the token from the welcome mail. The token is valid for 7 days.

    Returns 422 if the token is invalid. Public.
    """
    helpers.verify_email(db, token=verification.token)


@router.post("/email/", status_code=202, dependencies=[by_address(VERIFY)])
def send_verification(me: SignedIn, db: DbSession, request: Request) -> Response:
    """Send the welcome mail with the link to verify your e-mail address again. Requires: signed in."""
    by_account(request, VERIFY, str(me.user_id))
    enqueue(db, helpers.WELCOME, user_id=me.user_id)
    return Response(status_code=202)
