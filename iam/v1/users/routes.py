"""Accounts: profiles, search, the leaderboard, profile pictures, imports."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Response
from sqlalchemy import Row

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
GroupFilter = Annotated[schemas.GroupId | None, Query(description="Rank only the members of this group.", examples=[3])]
CsvFile = Annotated[IncomingFile, upload(max_bytes=imports.MAX_BYTES)]
Picture = Annotated[IncomingFile, upload(max_bytes=MAX_BYTES, sniff=sniff_picture)]


def _editable_user(user_id: Id, me: SignedIn) -> None:
    """Refuse the request before its file is received."""
    avatars.assert_may_change(user_id=user_id, editor=me)


EDITABLE = Depends(_editable_user)


@router.get("/", response_model=Page[schemas.User])
def list_users(
    db: DbSession,
    reader: Reader,
    paging: Paging,
    filters: Annotated[schemas.UserFilter, Query()],
) -> Slice[dict[str, Any]]:
    """List all users, oldest account first. Requires: teacher."""
    rows = crud.page(db, after_id=paging.last_id, limit=paging.fetch, **filters.given())
    return paging.page(rows, convert=partial(schemas.visible_fields, viewer=reader))


@router.post("/", response_model=schemas.User, status_code=201)
@heavy
def create_user(
    person: schemas.UserCreate, db: DbSession, creator: Writer, origin: RequestOrigin, response: Response
) -> dict[str, Any]:
    """Create an account for somebody else.

    Returns 403 if a teacher sets a role other than `student`, and 409 if the e-mail address or the nickname already
    belongs to an account. Requires: teacher.
    """
    user = helpers.create(db, creator=creator, origin=origin, **person.model_dump())
    response.headers["Location"] = f"/api/v1/users/{user.id}/"
    return schemas.visible_fields(user, viewer=creator)


@router.get("/search/", response_model=Page[schemas.User])
def search_users(
    db: DbSession,
    me: SignedIn,
    q: Annotated[
        str,
        Query(
            min_length=2, max_length=100, description="One or more words, or beginnings of words.", examples=["ada lov"]
        ),
    ],
    paging: Paging,
) -> Slice[dict[str, Any]]:
    """Find users by name, oldest account first.

    Every word of `q` must be the beginning of a word in the first name, last name, patronymic or nickname; case is
    ignored. Returns 422 if `q` contains no letter or digit. Requires: signed in.
    """
    rows = crud.page(db, after_id=paging.last_id, limit=paging.fetch, words=q)
    return paging.page(rows, convert=partial(schemas.visible_fields, viewer=me))


@router.get("/leaderboard/", response_model=Page[schemas.Leader], dependencies=[PUBLIC])
def get_leaderboard(
    db: DbSession,
    paging: Paging,
    group_id: GroupFilter = None,
) -> Slice[dict[str, Any]]:
    """List the students with their ranks, most points first. Students with the same points have the same rank and are
    listed oldest account first. Public."""
    rows = crud.leaderboard(db, after=paging.last_keys(4), limit=paging.fetch, group_id=group_id)
    return paging.page(rows, convert=_fields_of, key=lambda leader: (leader.user.points, leader.user.id, *leader[1:]))


def _fields_of(leader: crud.Leader) -> dict[str, Any]:
    return {name: getattr(leader.user, name) for name in schemas.LEADER_COLUMNS} | {"rank": leader.rank}


@router.post("/import/", response_model=schemas.UserImport, status_code=202)
def import_users(
    file: CsvFile,
    db: DbSession,
    owner: Writer,
    origin: RequestOrigin,
    invite: Annotated[
        bool,
        Query(
            description="Whether to send new users a link to set a password. It is valid for an hour and works once."
        ),
    ] = False,
) -> UserImport:
    """Create accounts from a CSV file, sent as the part `file` of a `multipart/form-data` body.

    The file is in UTF-8, with commas, semicolons or tabs between the cells, and has at most 5 MiB and 10,000 rows. Its
    first line names the columns: `email`, `first_name` and `last_name` are required; `patronymic`, `nickname`, `role`,
    `group` (the name of a group that exists), `learning_class` and `points` are optional.

    The job `job_id` creates the accounts. When it has ended, `GET /users/imports/{id}/` returns the report. A row whose
    e-mail address already has an account is skipped. Teachers may import students only: rows with another role are
    invalid. Returns 422 if the file is not a valid CSV file as described above. Requires: teacher.
    """
    return imports.begin(db, owner=owner, origin=origin, file=file, invite=invite)


@router.get("/imports/{import_id}/", response_model=schemas.UserImport)
def get_import(import_id: Id, db: DbSession, viewer: Writer) -> Row[Any]:
    """Return the report of an import: the number of accounts it has created, and what is wrong with invalid rows.

    Returns 404 if the import belongs to somebody else. Requires: the owner or an admin.
    """
    return imports.get(db, import_id=import_id, viewer=viewer)


@router.get("/{who}/", response_model=schemas.User)
def get_user(
    who: Annotated[
        str, Path(max_length=40, description="The id or the nickname of the user.", examples=["ada.lovelace"])
    ],
    db: DbSession,
    me: SignedIn,
) -> dict[str, Any]:
    """Return a user. Requires: signed in."""
    return schemas.visible_fields(crud.find(db, who=who), viewer=me)


@router.patch("/{user_id}/", response_model=schemas.User)
def update_user(
    user_id: Id, changes: schemas.UserUpdate, db: DbSession, me: SignedIn, origin: RequestOrigin, expected: IfMatch
) -> dict[str, Any]:
    """Update a user. Fields that are not sent stay as they are.

    You may change your own names, nickname, language, `about`, tech stack and links. Teachers may change the names,
    group, class and points of students. Admins may change everything. Returns 403, with the field in `errors`, if you
    may not change it. Returns 409 if the e-mail address or the nickname belongs to another account, or if the last
    admin would lose the role. A new e-mail address is unverified.
    Requires: the owner, a teacher if the user is a student, or an admin.
    """
    user = helpers.update(db, user_id=user_id, editor=me, origin=origin, expected=expected, **changes.given())
    return schemas.visible_fields(user, viewer=me)


@router.delete("/{user_id}/", status_code=204)
def delete_user(user_id: Id, db: DbSession, me: SignedIn, origin: RequestOrigin, expected: IfMatch) -> None:
    """Delete an account with its profile picture, sessions and OAuth clients. The user's videos, bookings and imports
    are kept, without an owner.

    Returns 409 if it is the account of the last admin. Requires: the owner or an admin.
    """
    helpers.delete(db, user_id=user_id, editor=me, origin=origin, expected=expected)


@router.post("/{user_id}/avatar/", response_model=schemas.AvatarAccepted, status_code=202, dependencies=[EDITABLE])
def upload_avatar(user_id: Id, file: Picture, db: DbSession, me: SignedIn) -> dict[str, Any]:
    """Upload a profile picture, as the part `file` of a `multipart/form-data` body.

    It is a JPEG, PNG, WebP or GIF of at most 10 MiB. The job `job_id` crops it to a square and stores it in two sizes;
    until then the previous picture stays. Requires: the owner or an admin.
    """
    user = avatars.replace(db, user_id=user_id, editor=me, file=file)
    return {"job_id": user.avatar_job_id}


@router.delete("/{user_id}/avatar/", status_code=204)
def delete_avatar(user_id: Id, db: DbSession, me: SignedIn) -> None:
    """Delete the profile picture. Requires: the owner or an admin."""
    avatars.remove(db, user_id=user_id, editor=me)
