"""Pictures of people."""

from pathlib import Path

from sqlalchemy.orm import Session

from conf.errors import Forbidden
from conf.storage.pictures import Pictures
from iam.roles import Identity
from iam.users.models import User

AVATARS = Pictures(User, what="user", name="avatar", folder="users", task="iam.users.make_avatar")


def assert_may_change(*, user_id: int, editor: Identity) -> None:
    """Forbidden unless it is one's own or an admin's to change."""
    if user_id != editor.user_id and not editor.may("users:admin"):
        raise Forbidden("You may not change this person.")


def replace(*, user_id: int, editor: Identity, path: Path) -> User:
    """As `Pictures.replace`. Forbidden."""
    assert_may_change(user_id=user_id, editor=editor)
    return AVATARS.replace(row_id=user_id, owner_id=editor.user_id, path=path)


def remove(db: Session, *, user_id: int, editor: Identity) -> None:
    """Take the picture away. NotFound; Forbidden."""
    assert_may_change(user_id=user_id, editor=editor)
    AVATARS.remove(db, row_id=user_id)
