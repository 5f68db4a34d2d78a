"""Groups of users, such as the classes of a school. Everybody sees them; staff and admins manage them."""

from typing import Any

from fastapi import Response
from sqlalchemy import Row

from conf.db.dependencies import DbSession
from conf.http.conditional import IfMatch
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from conf.http.schemas import Id
from iam.dependencies import SIGNED_IN, requires
from iam.groups import crud
from iam.groups.models import Group
from iam.v1.groups import schemas

router = Router("/api/v1/groups", tags=["groups"])

EDITOR = requires("groups:write")


@router.get("/", response_model=Page[schemas.Group], dependencies=[SIGNED_IN])
def list_groups(db: DbSession, paging: Paging) -> Slice[Row[Any]]:
    """List the groups, oldest first. Requires: signed in."""
    rows = crud.page(db, after_id=paging.last_id, limit=paging.fetch)
    return paging.page(rows)


@router.post("/", response_model=schemas.Group, status_code=201, dependencies=[EDITOR])
def create_group(group: schemas.GroupCreate, db: DbSession, response: Response) -> Group:
    """Create a group. Returns 409 if there is already a group with this name. Requires: teacher."""
    created = crud.create(db, **group.model_dump())
    response.headers["Location"] = f"/api/v1/groups/{created.id}/"
    return created


@router.get("/{group_id}/", response_model=schemas.Group, dependencies=[SIGNED_IN])
def get_group(group_id: Id, db: DbSession) -> Row[Any]:
    """Return a group. Requires: signed in."""
    return crud.get(db, group_id=group_id)


@router.patch("/{group_id}/", response_model=schemas.Group, dependencies=[EDITOR])
def update_group(group_id: Id, changes: schemas.GroupUpdate, db: DbSession, expected: IfMatch) -> Group:
    """Update a group. Fields that are not sent stay as they are.

    Returns 409 if another group has this name. Requires: teacher.
    """
    return crud.update(db, group_id=group_id, expected=expected, **changes.given())


@router.delete("/{group_id}/", status_code=204, dependencies=[EDITOR])
def delete_group(group_id: Id, db: DbSession, expected: IfMatch) -> None:
    """Delete a group. Its members stay, without a group. Requires: teacher."""
    crud.delete(db, group_id=group_id, expected=expected)
