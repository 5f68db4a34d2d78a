"""Queries on `users`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import exists, func, select, tuple_, update
from sqlalchemy.orm import Session, aliased, undefer

from conf.db import rows
from conf.db.search import prefix_query
from conf.errors import Conflict, Invalid, NotFound
from iam.roles import Role
from iam.users.models import User

IMPORT_LOCK = 0x75736572  # "user"
VIOLATIONS: rows.Violations = {
    "uq_users_email": partial(Conflict, "Somebody has this e-mail already.", field="email"),
    "uq_users_nickname": partial(Conflict, "Somebody has this nickname already.", field="nickname"),
    "fk_users_group_id": partial(Invalid, "There is no such group.", field="group_id"),
}


def get(db: Session, *, user_id: int) -> User:
    """Return the user with the group. Raises: NotFound."""
    return rows.get(db, User, user_id)


def find(db: Session, *, who: str) -> User:
    """The user of that id or nickname, or NotFound."""
    if who.isascii() and who.isdigit():
        return get(db, user_id=min(int(who), 2**63 - 1))
    user = db.scalars(select(User).where(func.lower(User.nickname) == who.lower())).one_or_none()
    if user is None:
        raise NotFound("user", who)
    return user


def by_email(db: Session, *, email: str) -> User | None:
    """The user with the password's hash."""
    return db.scalars(select(User).where(User.email == email).options(undefer(User.password_hash))).one_or_none()


def with_password_hash(db: Session, *, user_id: int, lock: bool = False) -> User | None:
    """The user with the password's hash; locked until the transaction ends, if wanted."""
    query = select(User).where(User.id == user_id).options(undefer(User.password_hash))
    if lock:
        query = query.with_for_update(of=User)
    return db.scalars(query.execution_options(populate_existing=True)).one_or_none()


def try_keep(db: Session, *, user_id: int) -> bool:
    """Whether the user is there, and not about to go; then they stay until the transaction ends. Without waiting."""
    query = select(User.id).where(User.id == user_id).with_for_update(read=True, key_share=True, skip_locked=True)
    return db.scalar(query) is not None


def lock(db: Session, *, user_id: int) -> User:
    """`with_password_hash`, locked, or NotFound."""
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
    """Users in the order they were made. Each of `words` begins one of the names."""
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
    """Students with their rank, the most points first. `after`: points and id of the last one before."""
    other = aliased(User)
    better = select(func.count()).where(other.role == Role.STUDENT, other.points > User.points)
    query = select(User).where(User.role == Role.STUDENT)
    if group_id is not None:
        better, query = better.where(other.group_id == group_id), query.where(User.group_id == group_id)
    if after is not None:
        query = query.where(tuple_(-User.points, User.id) > (-after[0], after[1]))
    ranked = query.add_columns((better.correlate(User).scalar_subquery() + 1).label("rank"))
    return db.execute(ranked.order_by(User.points.desc(), User.id).limit(limit)).all()


def create(db: Session, **values: Any) -> User:
    """As `save`, of a new user."""
    return save(db, User(**values))


def save(db: Session, user: User, **values: Any) -> User:
    """Set the named columns. Raises: Conflict when the e-mail or the nickname is taken; Invalid when there is no such
    group."""
    rows.save(db, user, VIOLATIONS, **values)
    db.refresh(user, ["group"])
    return user


def set_password(db: Session, *, user_id: int, password_hash: str) -> None:
    db.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))


def verify_email(db: Session, *, user_id: int, email: str) -> bool:
    """Note that the user has answered a mail to that address. False when it is no longer theirs."""
    query = (
        update(User)
        .where(User.id == user_id, User.email == email)
        .values(email_verified_at=func.coalesce(User.email_verified_at, func.now()))
        .returning(User.id)
    )
    return db.scalars(query).one_or_none() is not None


def existing(db: Session, *, emails: Sequence[str], nicknames: Sequence[str]) -> tuple[set[str], set[str]]:
    """Those of the e-mails, and of the nicknames in lower case, that are taken."""
    taken = set(db.scalars(select(User.email).where(User.email.in_(emails))))
    names = set(db.scalars(select(func.lower(User.nickname)).where(func.lower(User.nickname).in_(nicknames))))
    return taken, names


def try_to_import(db: Session) -> bool:
    """Whether no other transaction imports users; then none does until this one ends."""
    return bool(db.scalar(select(func.pg_try_advisory_xact_lock(IMPORT_LOCK))))


def lock_admins(db: Session) -> Sequence[int]:
    """The ids of all admins, locked in one order: none of them goes while we count them."""
    query = select(User.id).where(User.role == Role.ADMIN).order_by(User.id).with_for_update()
    return db.scalars(query).all()


def any_with_role(db: Session, *, role: Role) -> bool:
    return bool(db.scalar(select(exists().where(User.role == role))))
