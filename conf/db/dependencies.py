"""How a function gets its session: by the dependency `DbSession` in routes, by `@with_db_session` everywhere else.

Commits happen in two places only: `conf.http.route.Route` for requests, and `with_db_session` for all other work.
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
    """Open the request's session: read-only for safe methods, with a transaction for others. The route class ends it.

    Raises: TypeError, on a route of another class.
    """
    if "handler" not in request.scope:
        raise TypeError(
            "DbSession needs conf.http.route.Router instead of APIRouter: nothing would commit or close the session"
        )
    db = open_session(read_only=request.method in SAFE_METHODS)
    request.scope["db"] = db
    return db


DbSession = Annotated[Session, Depends(get_db)]


def with_db_session(func: Callable[P, R]) -> Callable[..., R]:
    """Decorator: pass `func` a session as the keyword argument `db`; commit when it returns, roll back when it raises.

    On the function of a Celery task it also marks the task's job as succeeded in the same transaction. So either both
    the work and its success are recorded, or neither.
    """

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> R:
        with open_session() as db:
            result = func(*args, db=db, **kwargs)  # type: ignore[arg-type]  # P includes `db`, which the caller does not pass
            attempt = getattr(args[0], "attempt", None) if args else None
            if attempt is not None:
                attempt.succeed(db)
            db.commit()
            return result

    return call


def retry_while_unavailable(func: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Call a `@with_db_session` function; retry for up to `lease_s` seconds while the database is unavailable.

    Use it at the end of long work, so that a restart of PostgreSQL does not lose the result.
    """
    end = time.monotonic() + get_settings().lease_s
    while True:
        try:
            return func(*args, **kwargs)
        except OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
