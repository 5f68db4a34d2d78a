"""The results of diagnostics: one file each."""

import enum

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model, Timestamps, choice


class ResultStatus(enum.StrEnum):
    CHECKING = "checking"
    READY = "ready"
    REFUSED = "refused"


class Result(Timestamps, Model):
    __tablename__ = "results"

    booking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bookings.id"), index=True)
    uploader_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"))
    status: Mapped[ResultStatus] = mapped_column(choice(ResultStatus, "status"), default=ResultStatus.CHECKING)
    error: Mapped[str | None] = mapped_column(Text)
    """Why the file was refused, for staff."""
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    """The job that checks the file and creates its preview."""
    title: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(50))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    file_key: Mapped[str | None] = mapped_column(String(255))
    """Null if the file was refused."""
    preview_key: Mapped[str | None] = mapped_column(String(255))
    """A JPEG of the first page."""
    pages: Mapped[int | None]
