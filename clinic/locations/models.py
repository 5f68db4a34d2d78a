"""Where the health centre is, and when it is open."""

from typing import Any

from sqlalchemy import String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, Timestamps


class Schedule:
    """When somebody or something is there, as `calendar` reads it."""

    hours: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    """`{"weekday", "opens", "closes"}` each, as many as there are in a week."""
    exceptions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    """`{"date", "intervals": [{"opens", "closes"}], "note"}`: hours of one day in place of the week's."""


class Location(Schedule, Timestamps, Model):
    __tablename__ = "locations"

    name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(500))
    time_zone: Mapped[str] = mapped_column(String(64))
    """Of the IANA database: `Europe/Berlin`."""
    is_active: Mapped[bool] = mapped_column(default=True)
    """Listed, and open for new bookings."""
