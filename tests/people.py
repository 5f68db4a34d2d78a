"""Accounts for tests, inserted into the database, each with a session."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from conf.db.dependencies import with_db_session
from iam.audit.crud import Origin
from iam.roles import Role
from iam.tokens import helpers
from iam.users import crud, passwords

PASSWORD = "a passphrase of the tests"


@dataclass(frozen=True)
class Person:
    id: int
    role: Role
    email: str
    token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@with_db_session
def make_person(role: Role, *, name: str = "", password: str | None = None, db: Session, **fields: Any) -> Person:
    """Create an account with this role, and a session.

    It has no password unless one is given, since hashing takes 30 ms.
    """
    values = {"first_name": name or role.title(), "last_name": "Tester"} | fields
    values.setdefault("password_hash", passwords.hash_of(password) if password else None)
    user = crud.create(
        db,
        email=f"{name or role}@campus.example".lower(),
        role=role,
        **values,
    )
    tokens = helpers._begin(db, user_id=user.id, origin=Origin("test", "test"))
    return Person(user.id, role, user.email, tokens.access_token, tokens.refresh_token)
