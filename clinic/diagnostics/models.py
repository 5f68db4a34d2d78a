"""Diagnostics, the locations that offer them, and their stations."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, SmallInteger, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.bookable.models import Bookable
from clinic.locations.models import Location
from conf.db.models import Model


class Diagnostic(Bookable, Model):
    __tablename__ = "diagnostics"

    description: Mapped[str] = mapped_column(Text)
    preparation: Mapped[str] = mapped_column(Text)
    """What the patient has to do beforehand."""


class DiagnosticLocation(Model):
    """A location that offers a diagnostic."""

    __tablename__ = "diagnostic_locations"
    __table_args__ = (UniqueConstraint("diagnostic_id", "location_id"),)

    diagnostic_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("diagnostics.id", ondelete="CASCADE"))
    location_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("locations.id"), index=True)
    location: Mapped[Location] = relationship(lazy="raise")


class Station(Model):
    """A place where one patient at a time can be examined. The number of stations in use is the capacity."""

    __tablename__ = "stations"
    __table_args__ = (
        UniqueConstraint("diagnostic_location_id", "number"),
        CheckConstraint("number > 0", name="numbered_from_1"),
    )

    diagnostic_location_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("diagnostic_locations.id", ondelete="CASCADE")
    )
    number: Mapped[int] = mapped_column(SmallInteger)
    in_use: Mapped[bool] = mapped_column(default=True)
