"""Queries on `users`."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Integer, Row, bindparam, case, func, select, tuple_, update
from sqlalchemy.orm import Session, undefer

from conf.db import rows
from conf.db.reads import Read, json_object
from conf.db.search import among, prefix_query, prefix_text
from conf.errors import Conflict, Invalid, NotFound
from conf.values import MAX_ID
from iam.groups.models import Group
from iam.roles import Role
from iam.users.models import User

IMPORT_LOCK = 0x75736572  # key of a PostgreSQL advisory lock: "user" in ASCII
VIOLATIONS: rows.Violations = {
    "uq_users_email": partial(Conflict, "Another account already has this e-mail address.", field="email"),
    "uq_users_nickname": partial(Conflict, "Another account already has this nickname.", field="nickname"),
    "fk_users_group_id": partial(Invalid, "There is no group with this id.", field="group_id"),
}


def get(db: Session, *, user_id: int) -> User:
    """Return the user, with the group. Raises: NotFound."""
    return rows.get(db, User, user_id)


_users = User.__table__.c
_GROUP = case((_users.group_id.is_(None), None), else_=json_object(Group.__table__)).label("group")
_SHOWN = select(*[one for one in _users if one.name not in ("password_hash", "words")], _GROUP).select_from(
    User.__table__.outerjoin(Group.__table__)
)
_BY_ID = Read(_SHOWN.where(_users.id == bindparam("user_id")))
_BY_NICKNAME = Read(_SHOWN.where(func.lower(_users.nickname) == bindparam("nickname")))
_PAGE = Read(
    _SHOWN.order_by(_users.id).limit(bindparam("limit")),
    after_id=_users.id > bindparam("after_id"),
    role=_users.role == bindparam("role"),
    group_id=_users.group_id == bindparam("group_id"),
    learning_class=_users.learning_class == bindparam("learning_class"),
    words=among(_users.id, select(User.id).where(User.words.op("@@")(prefix_query("words")))),
)
_LEADERS = Read(
    _SHOWN.where(_users.role == Role.STUDENT).order_by(-_users.points, _users.id).limit(bindparam("limit")),
    last_id=tuple_(-_users.points, _users.id) > tuple_(-bindparam("last_points", type_=Integer), bindparam("last_id")),
    group_id=_users.group_id == bindparam("group_id"),
)


def view(db: Session, *, user_id: int) -> Row[Any]:
    """Return the user's columns, and the group as `group`. Raises: NotFound."""
    row: Row[Any] = _BY_ID.get(db, "user", user_id, user_id=user_id)
    return row


def find(db: Session, *, who: str) -> Row[Any]:
    """Return the user with this id or nickname as `view` does. Raises: NotFound."""
    if who.isascii() and who.isdigit():
        return view(db, user_id=min(int(who), 2**63 - 1))
    row: Row[Any] = _BY_NICKNAME.get(db, "user", who, nickname=who.lower())
    return row


def by_email(db: Session, *, email: str) -> User | None:
    """Return the user with this e-mail address, with the password hash, or None."""
    return db.scalars(select(User).where(User.email == email).options(undefer(User.password_hash))).one_or_none()


def with_password_hash(db: Session, *, user_id: int, lock: bool = False) -> User | None:
    """Return the user with the password hash, or None. With `lock`, lock the row until the transaction ends."""
    query = select(User).where(User.id == user_id).options(undefer(User.password_hash))
    if lock:
        query = query.with_for_update(of=User)
    return db.scalars(query.execution_options(populate_existing=True)).one_or_none()


def try_lock_against_deletion(db: Session, *, user_id: int) -> bool:
    """Try to protect the user from deletion until the transaction ends, without waiting.

    Returns False if there is no such user, or if another transaction is deleting it or has locked its row.
    """
    query = select(User.id).where(User.id == user_id).with_for_update(read=True, key_share=True, skip_locked=True)
    return db.scalar(query) is not None


def lock(db: Session, *, user_id: int) -> User:
    """Return the user with the password hash, locked until the transaction ends. Raises: NotFound."""
    user = with_password_hash(db, user_id=user_id, lock=True)
    if user is None:
        raise NotFound("user", user_id)
    return user


def page(db: Session, *, limit: int, words: str | None = None, **conditions: Any) -> Sequence[Row[Any]]:
    """Return users as `view` does, oldest account first.

    `words`: each must be a prefix of one of the user's names. `conditions`: `after_id`, only those with a larger id;
    `role`, `group_id`, `learning_class`. Raises: Invalid, if `words` has no letter or digit.
    """
    return _PAGE.all(db, limit=limit, words=prefix_text(words) if words is not None else None, **conditions)


class Leader(NamedTuple):
    """A student on the leaderboard. Students with the same points have the same rank, but each a place of their own."""

    user: Row[Any]
    rank: int
    place: int


def leaderboard(db: Session, *, after: Sequence[int] | None, limit: int, group_id: int | None) -> list[Leader]:
    """Return students as `view` does, most points first. With `group_id`, rank its members only.

    `after`: points, id, rank and place of the last student of the previous page. Counting goes on from there, so a page
    costs the same at any depth.
    """
    points, last_id, rank, last_place = after or (None, None, 0, 0)
    page = _LEADERS.all(db, last_points=points, last_id=last_id, group_id=group_id, limit=limit)
    ranked = []
    # With a forged cursor the ranks are forged too, but they must fit into protobuf's int64.
    for place, user in enumerate(page, start=min(last_place, MAX_ID - limit) + 1):
        if user.points != points:
            rank, points = place, user.points
        ranked.append(Leader(user, rank, place))
    return ranked


def create(db: Session, **values: Any) -> User:
    """Create a user. Raises what `save` raises."""
    return save(db, User(**values))


def save(db: Session, user: User, **values: Any) -> User:
    """Set the named columns. Raises: Conflict, if the e-mail or nickname is taken; Invalid, if the group does not
    exist."""
    rows.save(db, user, VIOLATIONS, **values)
    db.refresh(user, ["group"])
    return user


def set_password(db: Session, *, user_id: int, password_hash: str) -> None:
    db.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))


def verify_email(db: Session, *, user_id: int, email: str) -> bool:
    """Mark the user's e-mail as verified. Return False if the user's address is no longer `email`."""
    query = (
        update(User)
        .where(User.id == user_id, User.email == email)
        .values(email_verified_at=func.coalesce(User.email_verified_at, func.now()))
        .returning(User.id)
    )
    return db.scalars(query).one_or_none() is not None


def existing(db: Session, *, emails: Sequence[str], nicknames: Sequence[str]) -> tuple[set[str], set[str]]:
    """Return which of the e-mails and which of the nicknames are taken. `nicknames` must be in lower case."""
    taken = set(db.scalars(select(User.email).where(User.email.in_(emails))))
    names = set(db.scalars(select(func.lower(User.nickname)).where(func.lower(User.nickname).in_(nicknames))))
    return taken, names


def try_to_import(db: Session) -> bool:
    """Try to take the lock that lets one transaction at a time import users. Return False if another one holds it."""
    return bool(db.scalar(select(func.pg_try_advisory_xact_lock(IMPORT_LOCK))))


def lock_admins(db: Session) -> Sequence[int]:
    """Lock all admins, in the order of their ids, and return the ids.

    No admin can be deleted or get another role until the transaction ends.
    """
    query = select(User.id).where(User.role == Role.ADMIN).order_by(User.id).with_for_update()
    return db.scalars(query).all()
