"""The mails of the last hour, to limit how many one recipient gets."""

import datetime as dt

from sqlalchemy import BigInteger, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from conf.db.models import Model


class SentMail(Model):
    """A mail that was sent."""

    __tablename__ = "sent_mails"
    __table_args__ = (Index("ix_sent_mails_recipient", "recipient", "at"), Index("ix_sent_mails_at", "at"))

    recipient: Mapped[int] = mapped_column(BigInteger)
    """Pseudonym of the address and of the purpose of the mail."""
    at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())
