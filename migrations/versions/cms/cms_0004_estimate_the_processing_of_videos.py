"""Estimate the processing of videos"""

import sqlalchemy as sa
from alembic import op

revision = "cms_0004"
down_revision = "cms_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("videos", sa.Column("workload", sa.BigInteger(), nullable=True))
    op.add_column("videos", sa.Column("estimate_s", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("videos", "estimate_s")
    op.drop_column("videos", "workload")
