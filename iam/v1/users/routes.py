"""People: profiles, the leaderboard, pictures, imports."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from conf.db.dependencies import DbSession
from conf.http.access import PUBLIC
from conf.http.conditional import IfMatch
from conf.http.pagination import Cursor, Limit, Page, key_of, keys_of, page
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.threads import heavy
from conf.http.uploads import FILE_BODY, take_file
from conf.storage.pictures import MAX_BYTES
from conf.values import Storable
from iam.dependencies import From, SignedIn, requires
from iam.roles import Identity, Role
from iam.users import avatars, crud, helpers, imports
from iam.v1.users import schemas

router = Router("/api/v1/users", tags=["users"])

Reader = Annotated[Identity, requires("users:read")]
Writer = Annotated[Identity, requires("users:write")]
GroupFilter = Annotated[schemas.GroupId | None, Query()]


@router.get("/")
def list_users(
    db: DbSession,
    request: Request,
    response: Response,
    reader: Reader,
    cursor: Cursor = None,
    limit: Limit = 20,
    role: Role | None = None,
    group_id: GroupFilter = None,
    learning_class: Annotated[str | None, Query(max_length=20), Storable] = None,
) -> Page[schemas.User]:
    """Everyone, in the order they came. Teachers and Admin."""
    rows = crud.page(
        db,
        after_id=key_of(cursor),
        limit=limit + 1,
        role=role,
        group_id=group_id,
        learning_class=learning_class,
    )
    found = page(rows, limit=limit, request=request, response=response)
    return found | {"items": [schemas.User.shown(user, to=reader) for user in found["items"]]}


@router.post("/", status_code=201)
@heavy
def create_user(
    person: schemas.UserCreate, db: DbSession, creator: Writer, origin: From, response: Response
) -> schemas.User:
    """An account for somebody else. Teachers, for students; Admin, for all."""
    user = helpers.create(db, creator=creator, origin=origin, **person.model_dump())
    response.headers["Location"] = f"/api/v1/users/{user.id}/"
    return schemas.User.shown(user, to=creator)


@router.get("/search/")
def search_users(
    db: DbSession,
    request: Request,
    response: Response,
    me: SignedIn,
    q: Annotated[str, Query(min_length=2, max_length=100, description="Beginnings of names."), Storable],
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[schemas.User]:
    """People whose names or nickname begin like that. Signed in."""
    rows = crud.page(db, after_id=key_of(cursor), limit=limit + 1, words=q)
    found = page(rows, limit=limit, request=request, response=response)
    return found | {"items": [schemas.User.shown(user, to=me) for user in found["items"]]}


@router.get("/leaderboard/", dependencies=[PUBLIC])
def get_leaderboard(
    db: DbSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = 20,
    group_id: GroupFilter = None,
) -> Page[schemas.Leader]:
    """Students by their points. Public."""
    rows = crud.leaderboard(db, after=keys_of(cursor), limit=limit + 1, group_id=group_id)
    leaders = [schemas.Leader.of(row[0], rank=row[1]) for row in rows]
    return page(leaders, limit=limit, request=request, response=response, key=lambda leader: (leader.points, leader.id))


@router.post("/import/", status_code=202, openapi_extra=FILE_BODY)
async def import_users(
    request: Request,
    owner: Writer,
    origin: From,
    invite: Annotated[bool, Query(description="Mail everyone who gets an account a link to set a password.")] = False,
) -> schemas.UserImport:
    """Students (as an admin, anybody) from a CSV file, as the part `file`: UTF-8, a first line with the columns
    `email`, `first_name`, `last_name` and, as you like, `patronymic`, `nickname`, `role`, `group`, `learning_class`,
    `points`.

    The job `job_id` does it; then `/users/imports/{id}/` says what came of it. Rows whose e-mail has an account are
    left alone. Teachers and Admin."""
    limit = imports.MAX_BYTES
    record = await take_file(request, imports.begin, max_bytes=limit, owner=owner, origin=origin, invite=invite)
    return schemas.UserImport.model_validate(record)


@router.get("/imports/{import_id}/")
def get_import(import_id: Id, db: DbSession, viewer: Writer) -> schemas.UserImport:
    """What came of an import: how many users, and each bad row with line, column and reason. Owner or Admin."""
    return imports.get(db, import_id=import_id, viewer=viewer)


@router.get("/{who}/")
def get_user(
    who: Annotated[str, Path(max_length=40, description="An id or a nickname."), Storable], db: DbSession, me: SignedIn
) -> schemas.User:
    """One person. Signed in."""
    return schemas.User.shown(crud.find(db, who=who), to=me)


@router.patch("/{user_id}/")
def update_user(
    user_id: Id, changes: schemas.UserUpdate, db: DbSession, me: SignedIn, origin: From, expected: IfMatch
) -> schemas.User:
    """Change the fields that are given. 403, with the field, for what is not yours to change. Owner, teachers of
    students, Admin."""
    user = helpers.update(db, user_id=user_id, editor=me, origin=origin, expected=expected, **changes.given())
    return schemas.User.shown(user, to=me)


@router.delete("/{user_id}/", status_code=204)
def delete_user(user_id: Id, db: DbSession, me: SignedIn, origin: From, expected: IfMatch) -> None:
    """Delete the account with its picture and sessions; what the person made stays. Owner or Admin."""
    helpers.delete(db, user_id=user_id, editor=me, origin=origin, expected=expected)


@router.post("/{user_id}/avatar/", status_code=202, openapi_extra=FILE_BODY)
async def upload_avatar(user_id: Id, request: Request, me: SignedIn) -> schemas.AvatarAccepted:
    """A picture, as the part `file`: JPEG, PNG, WebP or GIF, up to 10 MiB. The job makes it square, in two sizes. Owner
    or Admin."""
    avatars.assert_may_change(user_id=user_id, editor=me)
    user = await take_file(request, avatars.replace, max_bytes=MAX_BYTES, user_id=user_id, editor=me)
    return schemas.AvatarAccepted.model_validate({"job_id": user.avatar_job_id})


@router.delete("/{user_id}/avatar/", status_code=204)
def delete_avatar(user_id: Id, db: DbSession, me: SignedIn) -> None:
    """Take the picture away. Owner or Admin."""
    avatars.remove(db, user_id=user_id, editor=me)
