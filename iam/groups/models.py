"""Groups of users."""

from sqlalchemy import Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, Timestamps


class Group(Timestamps, Model):
    __tablename__ = "groups"

    name: Mapped[str] = mapped_column(String(100))
    colour: Mapped[str] = mapped_column(String(7))
    """Red, green and blue in hexadecimal, in lower case: `#1e90ff`."""


Index("uq_groups_name", func.lower(Group.name), unique=True)
