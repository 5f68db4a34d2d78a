"""Use cases on accounts, with the rules of who may see and change which fields."""

from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from conf.db import rows
from conf.errors import Conflict, Forbidden
from conf.settings import get_settings
from conf.storage.store import remove_later
from conf.values import ANY, Expected
from iam.audit import crud as audit
from iam.audit.crud import SYSTEM, Origin
from iam.roles import Identity, Role
from iam.users import crud, passwords
from iam.users.models import User

NAMES = frozenset({"first_name", "last_name", "patronymic"})
OWN_FIELDS = NAMES | {
    "nickname",
    "language",
    "about",
    "tech_stack",
    "telegram",
    "github",
    "stepik",
    "kaggle",
    "website",
}
"""Fields that people may change in their own account."""
STUDENT_FIELDS = NAMES | {"group_id", "learning_class", "points"}
"""Fields that a teacher may change in a student's account."""
ALL_FIELDS = OWN_FIELDS | STUDENT_FIELDS | {"email", "role"}


def folder_of(user_id: int) -> str:
    return f"users/{user_id}/"


def may_see_email(viewer: Identity | None, user: User | Row[Any]) -> bool:
    return viewer is not None and (viewer.user_id == user.id or viewer.may("users:read"))


def create(db: Session, *, creator: Identity, origin: Origin, password: str | None, role: Role, **values: Any) -> User:
    """Create an account for somebody else. Without a password, the person sets one with the reset mail.

    Raises: Forbidden, if the creator may not give this role; Conflict, if the e-mail or nickname is taken; Invalid, if
    the password is not acceptable or the group does not exist.
    """
    _assert_may_give(creator, role)
    if password is not None:
        passwords.check(password, person=(values["email"], values.get("nickname") or ""))
    hashed, language = passwords.hash_of(password) if password else None, get_settings().default_language
    user = crud.create(db, role=role, password_hash=hashed, language=language, **values)
    audit.record(db, "user_created", origin=origin, actor_id=creator.user_id, subject_id=user.id, role=role)
    return user


def create_admin(db: Session, *, email: str, password: str, first_name: str, last_name: str) -> User:
    """Create an admin, for an operator at the command line.

    Raises: Invalid, if the password is not acceptable; Conflict, if the e-mail is taken.
    """
    passwords.check(password, person=(email,))
    hashed = passwords.hash_of(password)
    user = crud.create(
        db, email=email, password_hash=hashed, role=Role.ADMIN, first_name=first_name, last_name=last_name
    )
    audit.record(db, "user_created", origin=SYSTEM, subject_id=user.id, role=Role.ADMIN)
    return user


def _assert_may_give(editor: Identity, role: Role) -> None:
    if role != Role.STUDENT and not editor.may("users:admin"):
        raise Forbidden("Only an admin may give a role other than student.", field="role")


def update(
    db: Session, *, user_id: int, editor: Identity, origin: Origin, expected: Expected = ANY, **changes: Any
) -> User:
    """Set the named columns.

    Raises: NotFound; VersionMismatch; Forbidden, with the field, if the editor may not change it; Conflict, if the
    e-mail or nickname is taken or the last admin would lose the role; Invalid, if the group does not exist.
    """
    if "role" in changes:
        crud.lock_admins(db)  # before the user, so that two admins who demote each other take turns
    user = crud.lock(db, user_id=user_id)
    allowed = _changeable(editor, user)
    for field in changes:
        if field not in allowed:
            raise Forbidden("You may not change this field of this user.", field=field)
    if not allowed:
        raise Forbidden("You may not change this user.")
    expected.check(user.updated_at)
    if changes.get("role", user.role) != user.role:
        _assert_not_last_admin(db, user)
        audit.record(
            db,
            "role_changed",
            origin=origin,
            actor_id=editor.user_id,
            subject_id=user.id,
            before=user.role,
            after=changes["role"],
        )
    if changes.get("email", user.email) != user.email:
        user.email_verified_at = None
        audit.record(db, "email_changed", origin=origin, actor_id=editor.user_id, subject_id=user.id)
    return crud.save(db, user, **changes)


def _changeable(editor: Identity, user: User) -> frozenset[str]:
    if editor.may("users:admin"):
        return ALL_FIELDS
    allowed: frozenset[str] = OWN_FIELDS if editor.user_id == user.id else frozenset()
    if editor.may("users:write") and user.role == Role.STUDENT:
        allowed |= STUDENT_FIELDS
    return allowed


def delete(db: Session, *, user_id: int, editor: Identity, origin: Origin, expected: Expected = ANY) -> None:
    """Delete the account, with its pictures, sessions and clients. Its videos, bookings and imports lose their owner.

    Raises: NotFound; Forbidden, unless the editor is the user or an admin; VersionMismatch; Conflict, if it is the last
    admin.
    """
    if crud.get(db, user_id=user_id).role == Role.ADMIN:
        crud.lock_admins(db)
    user = crud.lock(db, user_id=user_id)
    if editor.user_id != user.id and not editor.may("users:admin"):
        raise Forbidden("You may not delete this user.")
    expected.check(user.updated_at)
    _assert_not_last_admin(db, user)
    remove_later(db, prefix=folder_of(user.id))
    audit.record(db, "user_deleted", origin=origin, actor_id=editor.user_id, subject_id=user.id, role=user.role)
    rows.delete(db, user)


def _assert_not_last_admin(db: Session, user: User) -> None:
    if user.role == Role.ADMIN and crud.lock_admins(db) == [user.id]:
        raise Conflict("This is the last admin. Make somebody else an admin first.")
