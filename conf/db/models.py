"""Base classes of tables: fixed names of constraints, which migrations rely on, identity keys and timestamps."""

import datetime as dt
import enum
from typing import ClassVar

from sqlalchemy import BigInteger, DateTime, Enum, Identity, MetaData, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def choice(kind: type[enum.Enum], name: str) -> Enum:
    """Return a column type for the enum: text with a CHECK constraint, to which a migration can add values."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        name=name,
        length=16,
        values_callable=lambda kind: [member.value for member in kind],
    )


class Model(DeclarativeBase):
    """The base class of all tables."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {dt.datetime: DateTime(timezone=True)}
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012  # as SQLAlchemy declares it

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-1)


class Timestamps:
    """Mixin: when the row was created and when it was last changed."""

    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[dt.datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
