"""Demo accounts, one for each role. Their passwords are derived from SECRET_KEY, so every installation has its own."""

import base64

from sqlalchemy.orm import Session

from conf.db.dependencies import with_db_session
from conf.keys import keys
from iam.audit import crud as audit
from iam.audit.crud import SYSTEM
from iam.roles import Role
from iam.users import crud, passwords

PEOPLE = {
    Role.ADMIN: ("Ada", "Lovelace"),
    Role.TEACHER: ("Emmy", "Noether"),
    Role.STAFF: ("Florence", "Nightingale"),
    Role.STUDENT: ("Alan", "Turing"),
}


def email_of(role: Role) -> str:
    return f"{role}@campus.example"


def password_of(role: Role) -> str:
    secret = keys(f"demo account {role}")[0].secret
    return base64.b32encode(secret)[:12].decode().lower()


@with_db_session
def make_accounts(*, db: Session) -> dict[Role, str | None]:
    """Create the demo accounts that do not exist yet. Return the password of each role's account, or None where the
    person has changed it."""
    demo_passwords: dict[Role, str | None] = {}
    for role, (first_name, last_name) in PEOPLE.items():
        user = crud.by_email(db, email=email_of(role))
        unchanged = user is None or passwords.verify(password_of(role), user.password_hash)[0]
        demo_passwords[role] = password_of(role) if unchanged else None
        if user is None:
            hashed = passwords.hash_of(password_of(role))
            user = crud.create(
                db,
                email=email_of(role),
                password_hash=hashed,
                role=role,
                nickname=f"demo-{role}",
                first_name=first_name,
                last_name=last_name,
            )
            audit.record(db, "user_created", origin=SYSTEM, subject_id=user.id, role=role)
    return demo_passwords
