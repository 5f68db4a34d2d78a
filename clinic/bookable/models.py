"""What can be booked has in common: a price, a picture, and the rules for its slots."""

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from conf.db.models import Timestamps


class Bookable(Timestamps):
    name: Mapped[str] = mapped_column(String(200))
    price: Mapped[int]
    """In the smallest unit of the campus's currency: cents."""
    is_active: Mapped[bool] = mapped_column(default=True)
    """Listed, and open for new bookings."""

    duration_minutes: Mapped[int]
    interval_minutes: Mapped[int]
    """From the beginning of one slot to that of the next, counted from the beginning of each working interval."""
    buffer_minutes: Mapped[int]
    """Kept free after each booking."""
    notice_minutes: Mapped[int]
    """How long before its beginning a slot is no longer offered."""
    horizon_days: Mapped[int]
    """How many days from today slots are offered for."""
    deadline_minutes: Mapped[int]
    """How long before the beginning a patient may still move or cancel."""

    photo_key: Mapped[str | None] = mapped_column(String(255))
    photo_small_key: Mapped[str | None] = mapped_column(String(255))
    photo_job_id: Mapped[int | None] = mapped_column(BigInteger)
    """The job that makes, or made, the newest picture."""

    @declared_attr.directive
    def __table_args__(cls) -> tuple[CheckConstraint, ...]:  # noqa: N805
        return (
            CheckConstraint("price >= 0", name="price_not_negative"),
            CheckConstraint("duration_minutes > 0 AND interval_minutes > 0", name="slots_take_time"),
            CheckConstraint("least(buffer_minutes, notice_minutes, deadline_minutes) >= 0", name="no_time_is_negative"),
        )
