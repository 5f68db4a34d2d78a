"""index what lists are filtered by"""

import sqlalchemy as sa
from alembic import op

revision = "iam_0004"
down_revision = "iam_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_events_what", "audit_events", ["what", "id"], unique=False)
    op.drop_index(op.f("ix_users_points"), table_name="users")
    op.drop_index(op.f("ix_users_group_id"), table_name="users")
    op.create_index("ix_users_group_id", "users", ["group_id", "id"], unique=False)
    op.create_index(
        "ix_users_leaders",
        "users",
        [sa.literal_column("(-points)"), "id"],
        unique=False,
        postgresql_where=sa.text("role = 'student'"),
    )
    op.create_index(
        "ix_users_leaders_of_group",
        "users",
        ["group_id", sa.literal_column("(-points)"), "id"],
        unique=False,
        postgresql_where=sa.text("role = 'student'"),
    )
    op.create_index("ix_users_learning_class", "users", ["learning_class", "id"], unique=False)
    op.create_index("ix_users_role", "users", ["role", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_users_role", table_name="users")
    op.drop_index("ix_users_learning_class", table_name="users")
    op.drop_index("ix_users_leaders_of_group", table_name="users", postgresql_where=sa.text("role = 'student'"))
    op.drop_index("ix_users_leaders", table_name="users", postgresql_where=sa.text("role = 'student'"))
    op.drop_index("ix_users_group_id", table_name="users")
    op.create_index(op.f("ix_users_group_id"), "users", ["group_id"], unique=False)
    op.create_index(op.f("ix_users_points"), "users", [sa.literal_column("points DESC"), "id"], unique=False)
    op.drop_index("ix_audit_events_what", table_name="audit_events")
