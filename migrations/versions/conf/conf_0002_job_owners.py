"""whose work a job is"""

import sqlalchemy as sa
from alembic import op

revision = "conf_0002"
down_revision = "conf_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("owner_id", sa.BigInteger()))
    op.create_index("ix_jobs_owner_id", "jobs", ["owner_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_jobs_owner_id", "jobs")
    op.drop_column("jobs", "owner_id")
