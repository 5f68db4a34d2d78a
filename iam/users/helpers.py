"""Use cases on people: who may see and change what of whom."""

from typing import Any

from sqlalchemy.orm import Session

from conf.db import rows
from conf.errors import Conflict, Forbidden
from conf.settings import get_settings
from conf.storage.store import remove_later
from conf.values import ANY, Expected
from iam.audit import crud as audit
from iam.audit.crud import HERE, Origin
from iam.roles import Identity, Role
from iam.users import crud, passwords
from iam.users.models import User

NAMES = frozenset({"first_name", "last_name", "patronymic"})
OWN = NAMES | {"nickname", "language", "about", "tech_stack", "telegram", "github", "stepik", "kaggle", "website"}
"""What people change of themselves."""
SCHOOL = NAMES | {"group_id", "learning_class", "points"}
"""What a teacher changes of a student."""
ALL = OWN | SCHOOL | {"email", "role"}


def folder_of(user_id: int) -> str:
    return f"users/{user_id}/"


def sees_email(viewer: Identity | None, user: User) -> bool:
    return viewer is not None and (viewer.user_id == user.id or viewer.may("users:read"))


def create(db: Session, *, creator: Identity, origin: Origin, password: str | None, role: Role, **values: Any) -> User:
    """An account made by somebody else. Forbidden when it is more than a student and the creator is no admin; Conflict;
    Invalid for a bad password. Without one the person sets it by the reset mail."""
    _may_give(creator, role)
    if password is not None:
        passwords.check(password, person=(values["email"], values.get("nickname") or ""))
    hashed, language = passwords.hash_of(password) if password else None, get_settings().default_language
    user = crud.create(db, role=role, password_hash=hashed, language=language, **values)
    audit.record(db, "user_created", origin=origin, actor_id=creator.user_id, subject_id=user.id, role=role)
    return user


def create_admin(db: Session, *, email: str, password: str, first_name: str, last_name: str) -> User:
    """By an operator. Invalid for a bad password; Conflict."""
    passwords.check(password, person=(email,))
    hashed = passwords.hash_of(password)
    user = crud.create(
        db, email=email, password_hash=hashed, role=Role.ADMIN, first_name=first_name, last_name=last_name
    )
    audit.record(db, "user_created", origin=HERE, subject_id=user.id, role=Role.ADMIN)
    return user


def _may_give(editor: Identity, role: Role) -> None:
    if role != Role.STUDENT and not editor.may("users:admin"):
        raise Forbidden("Only an admin makes somebody more than a student.", field="role")


def update(
    db: Session, *, user_id: int, editor: Identity, origin: Origin, expected: Expected = ANY, **changes: Any
) -> User:
    """Set the named columns. NotFound; Changed; Forbidden, with the field, for what the editor may not change;
    Conflict."""
    if "role" in changes:
        crud.lock_admins(db)  # before anybody else, so that two who demote each other do so in turn
    user = crud.lock(db, user_id=user_id)
    allowed = _changeable(editor, user)
    for field in changes:
        if field not in allowed:
            raise Forbidden("You may not change this.", field=field)
    if not allowed:
        raise Forbidden("You may not change this person.")
    expected.check(user.updated_at)
    if changes.get("role", user.role) != user.role:
        _keep_an_admin(db, user)
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
        return ALL
    allowed: frozenset[str] = OWN if editor.user_id == user.id else frozenset()
    if editor.may("users:write") and user.role == Role.STUDENT:
        allowed |= SCHOOL
    return allowed


def delete(db: Session, *, user_id: int, editor: Identity, origin: Origin, expected: Expected = ANY) -> None:
    """Oneself, or anybody as an admin. What they made stays, without an owner. NotFound; Forbidden; Changed; Conflict
    for the last admin."""
    if crud.get(db, user_id=user_id).role == Role.ADMIN:
        crud.lock_admins(db)
    user = crud.lock(db, user_id=user_id)
    if editor.user_id != user.id and not editor.may("users:admin"):
        raise Forbidden("You may not delete this person.")
    expected.check(user.updated_at)
    _keep_an_admin(db, user)
    remove_later(db, prefix=folder_of(user.id))
    audit.record(db, "user_deleted", origin=origin, actor_id=editor.user_id, subject_id=user.id, role=user.role)
    rows.delete(db, user)


def _keep_an_admin(db: Session, user: User) -> None:
    if user.role == Role.ADMIN and crud.lock_admins(db) == [user.id]:
        raise Conflict("This is the last admin.")
