"""Count mails, stored files and sweeps"""

import sqlalchemy as sa
from alembic import op

revision = "conf_0005"
down_revision = "conf_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sent_mails",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("recipient", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sent_mails")),
    )
    op.create_index("ix_sent_mails_at", "sent_mails", ["at"], unique=False)
    op.create_index("ix_sent_mails_recipient", "sent_mails", ["recipient", "at"], unique=False)
    op.create_table(
        "stored_folders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("prefix", sa.String(length=255), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_folders")),
    )
    op.create_index(op.f("ix_stored_folders_owner_id"), "stored_folders", ["owner_id"], unique=False)
    op.create_index(
        "ix_stored_folders_prefix",
        "stored_folders",
        ["prefix"],
        unique=False,
        postgresql_ops={"prefix": "text_pattern_ops"},
    )
    op.create_table(
        "sweeps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
        sa.UniqueConstraint("name", name=op.f("uq_sweeps_name")),
    )


def downgrade() -> None:
    op.drop_table("sweeps")
    op.drop_index(
        "ix_stored_folders_prefix", table_name="stored_folders", postgresql_ops={"prefix": "text_pattern_ops"}
    )
    op.drop_index(op.f("ix_stored_folders_owner_id"), table_name="stored_folders")
    op.drop_table("stored_folders")
    op.drop_index("ix_sent_mails_recipient", table_name="sent_mails")
    op.drop_index("ix_sent_mails_at", table_name="sent_mails")
    op.drop_table("sent_mails")
