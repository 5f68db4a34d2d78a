"""People: profiles, the leaderboard, pictures, imports."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Response

from conf.db.dependencies import DbSession
from conf.http.access import PUBLIC
from conf.http.conditional import IfMatch
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from conf.http.schemas import Id
from conf.http.threads import heavy
from conf.http.uploads import upload
from conf.storage.incoming import IncomingFile, sniff_picture
from conf.storage.pictures import MAX_BYTES
from iam.dependencies import RequestOrigin, SignedIn, requires
from iam.roles import Identity
from iam.users import avatars, crud, helpers, imports
from iam.users.models import UserImport
from iam.v1.users import schemas

router = Router("/api/v1/users", tags=["users"])

Reader = Annotated[Identity, requires("users:read")]
Writer = Annotated[Identity, requires("users:write")]
GroupFilter = Annotated[schemas.GroupId | None, Query()]
CsvFile = Annotated[IncomingFile, upload(max_bytes=imports.MAX_BYTES)]
Picture = Annotated[IncomingFile, upload(max_bytes=MAX_BYTES, sniff=sniff_picture)]


def _editable_user(user_id: Id, me: SignedIn) -> None:
    """Refuse before a file is received."""
    avatars.assert_may_change(user_id=user_id, editor=me)


EDITABLE = Depends(_editable_user)


@router.get("/", response_model=Page[schemas.User])
def list_users(
    db: DbSession,
    reader: Reader,
    paging: Paging,
    filters: Annotated[schemas.UserFilter, Query()],
) -> Slice[schemas.User]:
    """Everyone, in the order they came. Teachers and Admin."""
    rows = crud.page(db, after_id=paging.last_id, limit=paging.fetch, **filters.given())
    return paging.page(rows, show=partial(schemas.User.shown, to=reader))


@router.post("/", status_code=201)
@heavy
def create_user(
    person: schemas.UserCreate, db: DbSession, creator: Writer, origin: RequestOrigin, response: Response
) -> schemas.User:
    """An account for somebody else. Teachers, for students; Admin, for all."""
    user = helpers.create(db, creator=creator, origin=origin, **person.model_dump())
    response.headers["Location"] = f"/api/v1/users/{user.id}/"
    return schemas.User.shown(user, to=creator)


@router.get("/search/", response_model=Page[schemas.User])
def search_users(
    db: DbSession,
    me: SignedIn,
    q: Annotated[str, Query(min_length=2, max_length=100, description="Beginnings of names.")],
    paging: Paging,
) -> Slice[schemas.User]:
    """People whose names or nickname begin like that. Signed in."""
    rows = crud.page(db, after_id=paging.last_id, limit=paging.fetch, words=q)
    return paging.page(rows, show=partial(schemas.User.shown, to=me))


@router.get("/leaderboard/", response_model=Page[schemas.Leader], dependencies=[PUBLIC])
def get_leaderboard(
    db: DbSession,
    paging: Paging,
    group_id: GroupFilter = None,
) -> Slice[schemas.Leader]:
    """Students by their points. Public."""
    rows = crud.leaderboard(db, after=paging.last_keys, limit=paging.fetch, group_id=group_id)
    leaders = [schemas.Leader.of(row[0], rank=row[1]) for row in rows]
    return paging.page(leaders, key=lambda leader: (leader.points, leader.id))


@router.post("/import/", response_model=schemas.UserImport, status_code=202)
def import_users(
    file: CsvFile,
    db: DbSession,
    owner: Writer,
    origin: RequestOrigin,
    invite: Annotated[bool, Query(description="Mail everyone who gets an account a link to set a password.")] = False,
) -> UserImport:
    """Students (as an admin, anybody) from a CSV file, as the part `file`: UTF-8, a first line with the columns
    `email`, `first_name`, `last_name` and, as you like, `patronymic`, `nickname`, `role`, `group`, `learning_class`,
    `points`.

    The job `job_id` does it; then `/users/imports/{id}/` says what came of it. Rows whose e-mail has an account are
    left alone. Teachers and Admin."""
    return imports.begin(db, owner=owner, origin=origin, file=file, invite=invite)


@router.get("/imports/{import_id}/", response_model=schemas.UserImport)
def get_import(import_id: Id, db: DbSession, viewer: Writer) -> UserImport:
    """What came of an import: how many users, and each bad row with line, column and reason. Owner or Admin."""
    return imports.get(db, import_id=import_id, viewer=viewer)


@router.get("/{who}/")
def get_user(
    who: Annotated[str, Path(max_length=40, description="An id or a nickname.")], db: DbSession, me: SignedIn
) -> schemas.User:
    """One person. Signed in."""
    return schemas.User.shown(crud.find(db, who=who), to=me)


@router.patch("/{user_id}/")
def update_user(
    user_id: Id, changes: schemas.UserUpdate, db: DbSession, me: SignedIn, origin: RequestOrigin, expected: IfMatch
) -> schemas.User:
    """Change the fields that are given. 403, with the field, for what is not yours to change. Owner, teachers of
    students, Admin."""
    user = helpers.update(db, user_id=user_id, editor=me, origin=origin, expected=expected, **changes.given())
    return schemas.User.shown(user, to=me)


@router.delete("/{user_id}/", status_code=204)
def delete_user(user_id: Id, db: DbSession, me: SignedIn, origin: RequestOrigin, expected: IfMatch) -> None:
    """Delete the account with its picture and sessions; what the person made stays. Owner or Admin."""
    helpers.delete(db, user_id=user_id, editor=me, origin=origin, expected=expected)


@router.post("/{user_id}/avatar/", response_model=schemas.AvatarAccepted, status_code=202, dependencies=[EDITABLE])
def upload_avatar(user_id: Id, file: Picture, db: DbSession, me: SignedIn) -> dict[str, Any]:
    """A picture, as the part `file`: JPEG, PNG, WebP or GIF, up to 10 MiB. The job makes it square, in two sizes. Owner
    or Admin."""
    user = avatars.replace(db, user_id=user_id, editor=me, file=file)
    return {"job_id": user.avatar_job_id}


@router.delete("/{user_id}/avatar/", status_code=204)
def delete_avatar(user_id: Id, db: DbSession, me: SignedIn) -> None:
    """Take the picture away. Owner or Admin."""
    avatars.remove(db, user_id=user_id, editor=me)
