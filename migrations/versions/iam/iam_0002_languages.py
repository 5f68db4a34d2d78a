"""the language of the mails to a person"""

import sqlalchemy as sa
from alembic import op

revision = "iam_0002"
down_revision = "iam_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("language", sa.String(16), server_default="en", nullable=False))
    op.create_check_constraint("language", "users", "language IN ('en', 'ru', 'uk')")


def downgrade() -> None:
    op.drop_column("users", "language")
