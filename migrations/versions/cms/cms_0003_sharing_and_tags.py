"""who may see a video, its tags and renditions"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "cms_0003"
down_revision = "cms_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("videos", sa.Column("tags", sa.ARRAY(sa.String(40)), server_default="{}", nullable=False))
    op.add_column("videos", sa.Column("share_key", sa.String(32)))
    op.add_column("videos", sa.Column("renditions", JSONB(), server_default="[]", nullable=False))
    op.create_index("ix_videos_public", "videos", ["id"], postgresql_where=sa.text("is_active"))
    op.create_index("ix_videos_tags", "videos", ["tags"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_videos_tags", "videos")
    op.drop_index("ix_videos_public", "videos")
    for column in ("renditions", "share_key", "tags"):
        op.drop_column("videos", column)
