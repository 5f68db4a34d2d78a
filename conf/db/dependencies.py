"""The session a function is given: `DbSession` in routes, `@with_db_session` everywhere else.

Two places commit: `conf.http.route.Route` for requests and `with_db_session` for all other work.
"""

import functools
import time
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, TypeVar

from fastapi import Depends, Request
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from conf.db.session import open_session
from conf.settings import get_settings

P = ParamSpec("P")
R = TypeVar("R")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def get_db(request: Request) -> Session:
    """Open the request's session: read-only for safe methods, a transaction for the others. The route class ends it.

    Raises: TypeError, on a route of another class.
    """
    if "handler" not in request.scope:
        raise TypeError(
            "DbSession needs conf.http.route.Router in place of APIRouter: nothing would commit or close the session"
        )
    db = open_session(read_only=request.method in SAFE_METHODS)
    request.scope["db"] = db
    return db


DbSession = Annotated[Session, Depends(get_db)]


def with_db_session(func: Callable[P, R]) -> Callable[..., R]:
    """Give `func` a session as its keyword `db` and commit what it did; an exception rolls back.

    Around the function of a Celery task it also ends the task's job, in the same transaction: the work and the record
    that it is done are one.
    """

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> R:
        with open_session() as db:
            result = func(*args, db=db, **kwargs)  # type: ignore[arg-type]  # P has `db`, which the caller does not give
            job = getattr(args[0], "job", None) if args else None
            if job is not None:
                job.succeed(db)
            db.commit()
            return result

    return call


def retry_while_unavailable(func: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Call `func`, a `@with_db_session` function, again while the database does not answer, for the time of a lease.

    For the end of long work, which a restart of PostgreSQL should not cost.
    """
    end = time.monotonic() + get_settings().lease_s
    while True:
        try:
            return func(*args, **kwargs)
        except OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
