"""The columns of everything that can be booked: price, photo and the rules for its slots."""

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from conf.db.models import Timestamps


class Bookable(Timestamps):
    name: Mapped[str] = mapped_column(String(200))
    price: Mapped[int]
    """In the smallest unit of the campus's currency, such as cents."""
    is_active: Mapped[bool] = mapped_column(default=True)
    """Whether it is listed and open for new bookings."""

    duration_minutes: Mapped[int]
    interval_minutes: Mapped[int]
    """Minutes from the start of one slot to the start of the next, counted from the start of each working interval."""
    buffer_minutes: Mapped[int]
    """Minutes kept free after each booking."""
    notice_minutes: Mapped[int]
    """Patients can book a slot until this many minutes before its start. Staff need no notice."""
    horizon_days: Mapped[int]
    """The booking horizon: how many days from today slots can be booked."""
    deadline_minutes: Mapped[int]
    """Patients can reschedule or cancel until this many minutes before the start."""

    photo_key: Mapped[str | None] = mapped_column(String(255))
    photo_small_key: Mapped[str | None] = mapped_column(String(255))
    photo_job_id: Mapped[int | None] = mapped_column(BigInteger)
    """The job that creates, or has created, the latest photo."""

    @declared_attr.directive
    def __table_args__(cls) -> tuple[CheckConstraint, ...]:  # noqa: N805
        return (
            CheckConstraint("price >= 0", name="price_not_negative"),
            CheckConstraint("duration_minutes > 0 AND interval_minutes > 0", name="slots_take_time"),
            CheckConstraint("least(buffer_minutes, notice_minutes, deadline_minutes) >= 0", name="no_time_is_negative"),
        )
