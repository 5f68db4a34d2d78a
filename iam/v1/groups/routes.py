"""Groups of users."""

from fastapi import Response

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
def list_groups(db: DbSession, paging: Paging) -> Slice[Group]:
    """In the order they were made. Signed in."""
    rows = crud.page(db, after_id=paging.last_id, limit=paging.fetch)
    return paging.page(rows)


@router.post("/", response_model=schemas.Group, status_code=201, dependencies=[EDITOR])
def create_group(group: schemas.GroupCreate, db: DbSession, response: Response) -> Group:
    """A group. 409 when there is one of that name. Teachers and Admin."""
    created = crud.create(db, **group.model_dump())
    response.headers["Location"] = f"/api/v1/groups/{created.id}/"
    return created


@router.get("/{group_id}/", response_model=schemas.Group, dependencies=[SIGNED_IN])
def get_group(group_id: Id, db: DbSession) -> Group:
    """One group. Signed in."""
    return crud.get(db, group_id=group_id)


@router.patch("/{group_id}/", response_model=schemas.Group, dependencies=[EDITOR])
def update_group(group_id: Id, changes: schemas.GroupUpdate, db: DbSession, expected: IfMatch) -> Group:
    """Change the fields that are given. Teachers and Admin."""
    return crud.update(db, group_id=group_id, expected=expected, **changes.given())


@router.delete("/{group_id}/", status_code=204, dependencies=[EDITOR])
def delete_group(group_id: Id, db: DbSession, expected: IfMatch) -> None:
    """Its members stay, without a group. Teachers and Admin."""
    crud.delete(db, group_id=group_id, expected=expected)
