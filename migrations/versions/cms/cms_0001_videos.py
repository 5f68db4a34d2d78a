"""videos"""

import sqlalchemy as sa
from alembic import op

revision = "cms_0001"
down_revision = None
branch_labels = ("cms",)
depends_on = ("conf_0001",)

STATUSES = ("NOT_PROCESSED", "PROCESSING", "PROCESSED", "FAILED")


def upgrade() -> None:
    op.create_table(
        "videos",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(*STATUSES, name="status", native_enum=False, create_constraint=True, length=16),
            nullable=False,
        ),
        sa.Column("error", sa.Text()),
        sa.Column("job_id", sa.BigInteger(), sa.ForeignKey("jobs.id", ondelete="SET NULL"), index=True),
        sa.Column("source_key", sa.String(255)),
        sa.Column("poster_key", sa.String(255)),
        sa.Column("hls_key", sa.String(255)),
        sa.Column("duration_s", sa.Double()),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("duration_s >= 0", name="duration_not_negative"),
    )


def downgrade() -> None:
    op.drop_table("videos")
