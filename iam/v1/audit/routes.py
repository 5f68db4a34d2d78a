"""The audit trail."""

from typing import Annotated

from fastapi import Query, Request, Response

from conf.db.dependencies import DbSession
from conf.http.pagination import Cursor, Limit, Page, key_of, page
from conf.http.route import Router
from conf.values import MAX_ID, Storable
from iam.audit import crud
from iam.dependencies import requires
from iam.v1.audit import schemas

router = Router("/api/v1/audit", tags=["audit"])


@router.get("/", dependencies=[requires("audit:read")])
def list_audit_events(
    db: DbSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = 20,
    subject_id: Annotated[int | None, Query(ge=1, le=MAX_ID, description="The user it was done to.")] = None,
    what: Annotated[str | None, Query(max_length=40), Storable] = None,
) -> Page[schemas.AuditEvent]:
    """Sign-ins, changes of roles and passwords, deletions; the newest first. Admin."""
    rows = crud.page(db, before_id=key_of(cursor), limit=limit + 1, subject_id=subject_id, what=what)
    return page(rows, limit=limit, request=request, response=response)
