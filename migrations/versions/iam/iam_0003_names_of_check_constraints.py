"""Name CHECK constraints as the models do: they had their prefix twice"""

from alembic import op

revision = "iam_0003"
down_revision = "iam_0002"
branch_labels = None
depends_on = None

NAMES = {
    "users": ("email_in_lower_case", "points_not_negative"),
}


def upgrade() -> None:
    for table, names in NAMES.items():
        for name in names:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT ck_{table}_ck_{table}_{name} TO ck_{table}_{name}")


def downgrade() -> None:
    for table, names in NAMES.items():
        for name in names:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT ck_{table}_{name} TO ck_{table}_ck_{table}_{name}")
