"""Name the publications of jobs"""

from alembic import op

revision = "conf_0004"
down_revision = "conf_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("jobs", "woken_at", new_column_name="published_at")
    op.alter_column("jobs", "wakes", new_column_name="publish_count")


def downgrade() -> None:
    op.alter_column("jobs", "publish_count", new_column_name="wakes")
    op.alter_column("jobs", "published_at", new_column_name="woken_at")
