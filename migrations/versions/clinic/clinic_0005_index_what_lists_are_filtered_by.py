"""index what lists are filtered by"""

import sqlalchemy as sa
from alembic import op

revision = "clinic_0005"
down_revision = "clinic_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index(op.f("ix_bookings_diagnostic_id"), table_name="bookings")
    op.create_index("ix_bookings_diagnostic_id", "bookings", ["diagnostic_id", "starts_at"], unique=False)
    op.drop_index(op.f("ix_bookings_location_id"), table_name="bookings")
    op.create_index("ix_bookings_location_id", "bookings", ["location_id", "starts_at"], unique=False)
    op.create_index("ix_bookings_status", "bookings", ["status", "starts_at"], unique=False)
    op.drop_index(op.f("ix_doctors_rating"), table_name="doctors")
    op.create_index("ix_doctors_rating", "doctors", ["rating_hundredths", "id"], unique=False)
    op.create_index("ix_doctors_experience_years", "doctors", ["experience_years", "id"], unique=False)
    op.create_index(op.f("ix_waiting_location_id"), "waiting", ["location_id"], unique=False)
    op.create_index(
        "ix_specialties_words", "specialties", [sa.text("to_tsvector('simple', name)")], postgresql_using="gin"
    )


def downgrade() -> None:
    op.drop_index("ix_specialties_words", table_name="specialties")
    op.drop_index(op.f("ix_waiting_location_id"), table_name="waiting")
    op.drop_index("ix_doctors_experience_years", table_name="doctors")
    op.drop_index("ix_doctors_rating", table_name="doctors")
    op.create_index(
        op.f("ix_doctors_rating"), "doctors", [sa.literal_column("rating_hundredths DESC"), "id"], unique=False
    )
    op.drop_index("ix_bookings_status", table_name="bookings")
    op.drop_index("ix_bookings_location_id", table_name="bookings")
    op.create_index(op.f("ix_bookings_location_id"), "bookings", ["location_id"], unique=False)
    op.drop_index("ix_bookings_diagnostic_id", table_name="bookings")
    op.create_index(op.f("ix_bookings_diagnostic_id"), "bookings", ["diagnostic_id"], unique=False)
