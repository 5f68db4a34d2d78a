"""the language of the mails to a patient"""

import sqlalchemy as sa
from alembic import op

revision = "clinic_0002"
down_revision = "clinic_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("bookings", "waiting"):
        op.add_column(table, sa.Column("language", sa.String(16), server_default="en", nullable=False))
        op.create_check_constraint("language", table, "language IN ('en', 'ru', 'uk')")


def downgrade() -> None:
    for table in ("bookings", "waiting"):
        op.drop_column(table, "language")
