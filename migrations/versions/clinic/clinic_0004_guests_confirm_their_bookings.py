"""Guests confirm their bookings"""

import sqlalchemy as sa
from alembic import op

revision = "clinic_0004"
down_revision = "clinic_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bookings", sa.Column("unconfirmed", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("bookings", sa.Column("notice_job_id", sa.BigInteger(), nullable=True))
    op.add_column("bookings", sa.Column("origin_key", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_bookings_origin_key",
        "bookings",
        ["origin_key"],
        unique=False,
        postgresql_where=sa.text("origin_key IS NOT NULL AND status IN ('pending', 'booked')"),
    )
    op.add_column("waiting", sa.Column("origin_key", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_waiting_origin_key",
        "waiting",
        ["origin_key"],
        unique=False,
        postgresql_where=sa.text("origin_key IS NOT NULL"),
    )
    op.create_check_constraint(
        op.f("ck_bookings_guests_confirm_first"),
        "bookings",
        "status IN ('pending', 'cancelled') OR NOT unconfirmed",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_bookings_guests_confirm_first"), "bookings", type_="check")
    op.drop_index("ix_waiting_origin_key", table_name="waiting", postgresql_where=sa.text("origin_key IS NOT NULL"))
    op.drop_column("waiting", "origin_key")
    op.drop_index(
        "ix_bookings_origin_key",
        table_name="bookings",
        postgresql_where=sa.text("origin_key IS NOT NULL AND status IN ('pending', 'booked')"),
    )
    op.drop_column("bookings", "origin_key")
    op.drop_column("bookings", "notice_job_id")
    op.drop_column("bookings", "unconfirmed")
