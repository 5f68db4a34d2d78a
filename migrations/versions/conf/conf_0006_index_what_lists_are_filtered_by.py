"""index what lists are filtered by"""

from alembic import op

revision = "conf_0006"
down_revision = "conf_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_jobs_name", "jobs", ["name", "id"], unique=False)
    op.create_index("ix_jobs_status", "jobs", ["status", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_jobs_status", table_name="jobs")
    op.drop_index("ix_jobs_name", table_name="jobs")
