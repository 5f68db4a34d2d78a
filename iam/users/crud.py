"""Queries on `users`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.orm import Session, undefer

from conf.db import rows
from conf.db.search import prefix_query
from conf.errors import Conflict, Invalid, NotFound
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


def find(db: Session, *, who: str) -> User:
    """Return the user with this id or nickname. Raises: NotFound."""
    if who.isascii() and who.isdigit():
        return get(db, user_id=min(int(who), 2**63 - 1))
    user = db.scalars(select(User).where(func.lower(User.nickname) == who.lower())).one_or_none()
    if user is None:
        raise NotFound("user", who)
    return user


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


def page(
    db: Session,
    *,
    after_id: int | None,
    limit: int,
    role: Role | None = None,
    group_id: int | None = None,
    learning_class: str | None = None,
    words: str | None = None,
) -> Sequence[User]:
    """Return users, oldest account first. With `words`, each word must be a prefix of one of the user's names.

    Raises: Invalid, if `words` has no letter or digit.
    """
    query = select(User).where(User.id > (after_id or 0)).order_by(User.id).limit(limit)
    if role is not None:
        query = query.where(User.role == role)
    if group_id is not None:
        query = query.where(User.group_id == group_id)
    if learning_class is not None:
        query = query.where(User.learning_class == learning_class)
    if words is not None:
        query = query.where(User.words.op("@@")(prefix_query(words)))
    return db.scalars(query).all()


def leaderboard(db: Session, *, after: tuple[int, int] | None, limit: int, group_id: int | None) -> Sequence[Any]:
    """Return students with their ranks, most points first. With `group_id`, rank the members of that group only.

    `after`: points and id of the last student of the previous page.
    """
    ranked = [User.role == Role.STUDENT] + ([User.group_id == group_id] if group_id is not None else [])
    query = select(User).where(*ranked).order_by(User.points.desc(), User.id).limit(limit)
    if after is not None:
        query = query.where(tuple_(-User.points, User.id) > (-after[0], after[1]))
    page = db.scalars(query).all()
    if not page:
        return []
    # The number of better students is counted for the first row only; the others follow from their place on the page.
    first = page[0].points
    better, as_good = db.execute(
        select(
            func.count().filter(User.points > first), func.count().filter(User.points == first, User.id < page[0].id)
        ).where(*ranked, User.points >= first)
    ).one()
    rows, rank = [], better + 1
    for place, user in enumerate(page, start=better + as_good + 1):
        if user.points < first:
            rank, first = place, user.points
        rows.append((user, rank))
    return rows


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
