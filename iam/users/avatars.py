"""Pictures of people."""

from sqlalchemy.orm import Session

from conf.errors import Forbidden
from conf.storage.incoming import IncomingFile
from conf.storage.pictures import Pictures
from iam.roles import Identity
from iam.users.models import User

AVATARS = Pictures(User, what="user", name="avatar", folder="users", task="iam.users.make_avatar")


def assert_may_change(*, user_id: int, editor: Identity) -> None:
    """Forbidden unless it is one's own or an admin's to change."""
    if user_id != editor.user_id and not editor.may("users:admin"):
        raise Forbidden("You may not change this person.")


def replace(db: Session, *, user_id: int, editor: Identity, file: IncomingFile) -> User:
    """As `Pictures.replace`. Raises: Forbidden."""
    assert_may_change(user_id=user_id, editor=editor)
    return AVATARS.replace(db, row_id=user_id, owner_id=editor.user_id, file=file)


def remove(db: Session, *, user_id: int, editor: Identity) -> None:
    """Take the picture away. NotFound; Forbidden."""
    assert_may_change(user_id=user_id, editor=editor)
    AVATARS.remove(db, row_id=user_id)
