"""The locations of the health centre and their opening hours."""

from typing import Any

from sqlalchemy import String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, Timestamps


class Schedule:
    """Weekly hours and exceptions, in the format that `calendar` parses."""

    hours: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    """A list of `{"weekday", "opens", "closes"}`; a weekday may occur several times, or never."""
    exceptions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    """A list of `{"date", "intervals": [{"opens", "closes"}], "note"}`: they replace the weekly hours on that date."""


class Location(Schedule, Timestamps, Model):
    __tablename__ = "locations"

    name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(500))
    time_zone: Mapped[str] = mapped_column(String(64))
    """A name from the IANA time zone database, such as `Europe/Berlin`."""
    is_active: Mapped[bool] = mapped_column(default=True)
    """Whether it is listed and open for new bookings."""
