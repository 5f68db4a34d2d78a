"""whose video it is"""

import sqlalchemy as sa
from alembic import op

revision = "cms_0002"
down_revision = "cms_0001"
branch_labels = None
depends_on = ("iam_0001",)


def upgrade() -> None:
    op.add_column(
        "videos", sa.Column("owner_id", sa.BigInteger(), sa.ForeignKey("users.id", ondelete="SET NULL"), index=True)
    )


def downgrade() -> None:
    op.drop_column("videos", "owner_id")
