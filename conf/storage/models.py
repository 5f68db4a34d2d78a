"""How much each account has stored."""

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model


class StoredFolder(Model):
    """The size of the files in one folder of the storage, which were stored together."""

    __tablename__ = "stored_folders"
    __table_args__ = (Index("ix_stored_folders_prefix", "prefix", postgresql_ops={"prefix": "text_pattern_ops"}),)

    prefix: Mapped[str] = mapped_column(String(255))
    """The folder, with a slash at its end."""
    owner_id: Mapped[int] = mapped_column(BigInteger, index=True)
    """The account whose quota the files count against. Not a foreign key, as `conf` must not depend on the table of
    users."""
    size_bytes: Mapped[int] = mapped_column(BigInteger)
