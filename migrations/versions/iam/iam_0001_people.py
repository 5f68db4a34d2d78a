"""people"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "iam_0001"
down_revision = None
branch_labels = ("iam",)
depends_on = ("conf_0001",)


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("actor_id", sa.BigInteger()),
        sa.Column("subject_id", sa.BigInteger()),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_subject_id", "audit_events", ["subject_id", "id"])
    op.create_table(
        "groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
    )
    op.create_index("uq_groups_name", "groups", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signing_keys"),
        sa.UniqueConstraint("key_id", name="uq_signing_keys_key_id"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_verified_at", sa.DateTime(timezone=True)),
        sa.Column("password_hash", sa.String(length=255)),
        sa.Column(
            "role",
            sa.Enum(
                "student",
                "teacher",
                "staff",
                "admin",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("patronymic", sa.String(length=100), nullable=False),
        sa.Column("nickname", sa.String(length=30)),
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed(
                "to_tsvector('simple', first_name || ' ' || last_name || ' ' || patronymic || ' '"
                " || coalesce(nickname, ''))",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("group_id", sa.BigInteger()),
        sa.Column("learning_class", sa.String(length=20), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("tech_stack", sa.ARRAY(sa.String(length=50)), nullable=False),
        sa.Column("telegram", sa.String(length=200)),
        sa.Column("github", sa.String(length=200)),
        sa.Column("stepik", sa.String(length=200)),
        sa.Column("kaggle", sa.String(length=200)),
        sa.Column("website", sa.String(length=200)),
        sa.Column("avatar_key", sa.String(length=255)),
        sa.Column("avatar_small_key", sa.String(length=255)),
        sa.Column("avatar_job_id", sa.BigInteger()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("email = lower(email)", name="ck_users_email_in_lower_case"),
        sa.CheckConstraint("points >= 0", name="ck_users_points_not_negative"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_users_group_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_index("ix_users_group_id", "users", ["group_id"])
    op.create_index("ix_users_points", "users", [sa.literal_column("points DESC"), "id"])
    op.create_index("ix_users_words", "users", ["words"], postgresql_using="gin")
    op.create_index("uq_users_nickname", "users", [sa.literal_column("lower(nickname)")], unique=True)
    op.create_table(
        "clients",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary()),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("website", sa.String(length=200)),
        sa.Column("redirect_uris", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_clients_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_clients"),
        sa.UniqueConstraint("client_id", name="uq_clients_client_id"),
    )
    op.create_index("ix_clients_owner_id", "clients", ["owner_id"])
    op.create_table(
        "user_imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("owner_id", sa.BigInteger()),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("source_key", sa.String(length=255), nullable=False),
        sa.Column("invite", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("existing", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("faults", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_user_imports_owner_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_user_imports"),
    )
    op.create_index("ix_user_imports_owner_id", "user_imports", ["owner_id"])
    op.create_table(
        "sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.BigInteger()),
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary()),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name="fk_sessions_client_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_client_id", "sessions", ["client_id"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "authorization_codes",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("nonce", sa.Text()),
        sa.Column("code_challenge", sa.String(length=128), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("session_id", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.id"], name="fk_authorization_codes_client_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_authorization_codes_session_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_authorization_codes_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_authorization_codes"),
        sa.UniqueConstraint("hash", name="uq_authorization_codes_hash"),
    )
    op.create_index("ix_authorization_codes_client_id", "authorization_codes", ["client_id"])
    op.create_index("ix_authorization_codes_session_id", "authorization_codes", ["session_id"])
    op.create_index("ix_authorization_codes_user_id", "authorization_codes", ["user_id"])


def downgrade() -> None:
    for table in (
        "authorization_codes",
        "sessions",
        "user_imports",
        "clients",
        "users",
        "signing_keys",
        "groups",
        "audit_events",
    ):
        op.drop_table(table)
