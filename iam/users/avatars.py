"""Profile pictures."""

from sqlalchemy.orm import Session

from conf.errors import Forbidden
from conf.storage.incoming import IncomingFile
from conf.storage.pictures import Pictures
from iam.roles import Identity
from iam.users.models import User

AVATARS = Pictures(User, what="user", name="avatar", folder="users", task="iam.users.make_avatar")


def assert_may_change(*, user_id: int, editor: Identity) -> None:
    """Raises: Forbidden, unless the editor is the user or an admin."""
    if user_id != editor.user_id and not editor.may("users:admin"):
        raise Forbidden("You may not change this user.")


def replace(db: Session, *, user_id: int, editor: Identity, file: IncomingFile) -> User:
    """Replace the picture, as `Pictures.replace` does. Raises: NotFound; Forbidden; Conflict."""
    assert_may_change(user_id=user_id, editor=editor)
    return AVATARS.replace(db, row_id=user_id, owner_id=editor.user_id, file=file)


def remove(db: Session, *, user_id: int, editor: Identity) -> None:
    """Delete the picture. Raises: NotFound; Forbidden; Conflict."""
    assert_may_change(user_id=user_id, editor=editor)
    AVATARS.remove(db, row_id=user_id)
