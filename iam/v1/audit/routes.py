"""The audit trail: who signed in, changed an account or opened a medical result, when and from where. Admins read
it."""

from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Row

from conf.db.dependencies import DbSession
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from iam.audit import crud
from iam.dependencies import requires
from iam.v1.audit import schemas

router = Router("/api/v1/audit", tags=["audit"])


@router.get("/", response_model=Page[schemas.AuditEvent], dependencies=[requires("audit:read")])
def list_audit_events(
    db: DbSession,
    paging: Paging,
    filters: Annotated[schemas.AuditFilter, Query()],
) -> Slice[Row[Any]]:
    """List the events of the audit trail, newest first: sign-ins, changes of roles and passwords, deletions and so on.

    Events are never deleted, even if the users whom they concern are. Requires: admin.
    """
    rows = crud.page(db, before_id=paging.last_id, limit=paging.fetch, **filters.given())
    return paging.page(rows)
