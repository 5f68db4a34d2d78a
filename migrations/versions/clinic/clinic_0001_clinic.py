"""the clinic"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "clinic_0001"
down_revision = None
branch_labels = ("clinic",)
depends_on = ("iam_0001",)


def upgrade() -> None:
    op.create_table(
        "diagnostics",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("preparation", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("interval_minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_minutes", sa.Integer(), nullable=False),
        sa.Column("notice_minutes", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("deadline_minutes", sa.Integer(), nullable=False),
        sa.Column("photo_key", sa.String(length=255), nullable=True),
        sa.Column("photo_small_key", sa.String(length=255), nullable=True),
        sa.Column("photo_job_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("duration_minutes > 0 AND interval_minutes > 0", name="ck_diagnostics_slots_take_time"),
        sa.CheckConstraint(
            "least(buffer_minutes, notice_minutes, deadline_minutes) >= 0", name="ck_diagnostics_no_time_is_negative"
        ),
        sa.CheckConstraint("price >= 0", name="ck_diagnostics_price_not_negative"),
        sa.PrimaryKeyConstraint("id", name="pk_diagnostics"),
    )
    op.create_table(
        "locations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("hours", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("exceptions", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_locations"),
    )
    op.create_table(
        "specialties",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_specialties"),
    )
    op.create_index("uq_specialties_name", "specialties", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "telegram_init_data",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_telegram_init_data"),
        sa.UniqueConstraint("digest", name="uq_telegram_init_data_digest"),
    )
    op.create_index("ix_telegram_init_data_used_at", "telegram_init_data", ["used_at"], unique=False)
    op.create_table(
        "diagnostic_locations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("diagnostic_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["diagnostic_id"], ["diagnostics.id"], name="fk_diagnostic_locations_diagnostic_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name="fk_diagnostic_locations_location_id"),
        sa.PrimaryKeyConstraint("id", name="pk_diagnostic_locations"),
        sa.UniqueConstraint("diagnostic_id", "location_id", name="uq_diagnostic_locations_diagnostic_id_location_id"),
    )
    op.create_index("ix_diagnostic_locations_location_id", "diagnostic_locations", ["location_id"], unique=False)
    op.create_table(
        "doctors",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("specialty_id", sa.BigInteger(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("experience_years", sa.SmallInteger(), nullable=False),
        sa.Column("certificates", sa.ARRAY(sa.String(length=200)), nullable=False),
        sa.Column("services", sa.ARRAY(sa.String(length=200)), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("reviews", sa.Integer(), nullable=False),
        sa.Column(
            "rating_hundredths",
            sa.Integer(),
            sa.Computed("CASE WHEN reviews > 0 THEN round(100.0 * stars / reviews)::int ELSE 0 END", persisted=True),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("interval_minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_minutes", sa.Integer(), nullable=False),
        sa.Column("notice_minutes", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("deadline_minutes", sa.Integer(), nullable=False),
        sa.Column("photo_key", sa.String(length=255), nullable=True),
        sa.Column("photo_small_key", sa.String(length=255), nullable=True),
        sa.Column("photo_job_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("duration_minutes > 0 AND interval_minutes > 0", name="ck_doctors_slots_take_time"),
        sa.CheckConstraint(
            "least(buffer_minutes, notice_minutes, deadline_minutes) >= 0", name="ck_doctors_no_time_is_negative"
        ),
        sa.CheckConstraint("price >= 0", name="ck_doctors_price_not_negative"),
        sa.ForeignKeyConstraint(["specialty_id"], ["specialties.id"], name="fk_doctors_specialty_id"),
        sa.PrimaryKeyConstraint("id", name="pk_doctors"),
    )
    op.create_index("ix_doctors_price", "doctors", ["price", "id"], unique=False)
    op.create_index("ix_doctors_rating", "doctors", [sa.literal_column("rating_hundredths DESC"), "id"], unique=False)
    op.create_index("ix_doctors_specialty_id", "doctors", ["specialty_id"], unique=False)
    op.create_index("ix_doctors_words", "doctors", ["words"], unique=False, postgresql_using="gin")
    op.create_table(
        "doctor_locations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("hours", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("exceptions", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["doctor_id"], ["doctors.id"], name="fk_doctor_locations_doctor_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name="fk_doctor_locations_location_id"),
        sa.PrimaryKeyConstraint("id", name="pk_doctor_locations"),
        sa.UniqueConstraint("doctor_id", "location_id", name="uq_doctor_locations_doctor_id_location_id"),
    )
    op.create_index("ix_doctor_locations_location_id", "doctor_locations", ["location_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="ck_reviews_one_to_five_stars"),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctors.id"], name="fk_reviews_doctor_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.UniqueConstraint("doctor_id", "patient_key", name="uq_reviews_doctor_id_patient_key"),
    )
    op.create_table(
        "stations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("diagnostic_location_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("in_use", sa.Boolean(), nullable=False),
        sa.CheckConstraint("number > 0", name="ck_stations_numbered_from_1"),
        sa.ForeignKeyConstraint(
            ["diagnostic_location_id"],
            ["diagnostic_locations.id"],
            name="fk_stations_diagnostic_location_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stations"),
        sa.UniqueConstraint("diagnostic_location_id", "number", name="uq_stations_diagnostic_location_id_number"),
    )
    op.create_table(
        "waiting",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=True),
        sa.Column("diagnostic_id", sa.BigInteger(), nullable=True),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_key", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("telegram_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("first_day <= last_day", name="ck_waiting_days_in_order"),
        sa.CheckConstraint("num_nonnulls(doctor_id, diagnostic_id) = 1", name="ck_waiting_a_doctor_or_a_diagnostic"),
        sa.ForeignKeyConstraint(
            ["diagnostic_id"], ["diagnostics.id"], name="fk_waiting_diagnostic_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctors.id"], name="fk_waiting_doctor_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name="fk_waiting_location_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["patient_id"], ["users.id"], name="fk_waiting_patient_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_waiting"),
    )
    op.create_index("ix_waiting_diagnostic_id", "waiting", ["diagnostic_id"], unique=False)
    op.create_index("ix_waiting_doctor_id", "waiting", ["doctor_id"], unique=False)
    op.create_index("ix_waiting_patient_id", "waiting", ["patient_id"], unique=False)
    op.create_index(
        "uq_waiting_once",
        "waiting",
        [
            "patient_key",
            "location_id",
            sa.literal_column("coalesce(doctor_id, 0)"),
            sa.literal_column("coalesce(diagnostic_id, 0)"),
        ],
        unique=True,
        postgresql_where=sa.text("patient_id IS NOT NULL"),
    )
    op.create_table(
        "bookings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("doctor_id", sa.BigInteger(), nullable=True),
        sa.Column("diagnostic_id", sa.BigInteger(), nullable=True),
        sa.Column("station_id", sa.BigInteger(), nullable=True),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("occupied_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "booked",
                "arrived",
                "fulfilled",
                "cancelled",
                "noshow",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("reminder_job_id", sa.BigInteger()),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_key", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("telegram_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(doctor_id, doctor_id, '[]')"), "&&"),
            (sa.text("tstzrange(starts_at, occupied_until)"), "&&"),
            where=sa.text("doctor_id IS NOT NULL AND status IN ('pending', 'booked', 'arrived', 'fulfilled')"),
            using="gist",
            name="ex_bookings_doctor",
        ),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(patient_key, patient_key, '[]')"), "&&"),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=sa.text("patient_key IS NOT NULL AND status IN ('pending', 'booked', 'arrived', 'fulfilled')"),
            using="gist",
            name="ex_bookings_patient",
        ),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(station_id, station_id, '[]')"), "&&"),
            (sa.text("tstzrange(starts_at, occupied_until)"), "&&"),
            where=sa.text("station_id IS NOT NULL AND status IN ('pending', 'booked', 'arrived', 'fulfilled')"),
            using="gist",
            name="ex_bookings_station",
        ),
        sa.CheckConstraint("(status = 'pending') = (held_until IS NOT NULL)", name="ck_bookings_pending_until"),
        sa.CheckConstraint(
            "status IN ('pending', 'cancelled') OR email IS NOT NULL", name="ck_bookings_somebody_comes"
        ),
        sa.CheckConstraint(
            "(station_id IS NULL) = (diagnostic_id IS NULL)", name="ck_bookings_a_station_is_of_a_diagnostic"
        ),
        sa.CheckConstraint("num_nonnulls(doctor_id, station_id) = 1", name="ck_bookings_a_doctor_or_a_station"),
        sa.CheckConstraint("starts_at < ends_at AND ends_at <= occupied_until", name="ck_bookings_it_takes_time"),
        sa.ForeignKeyConstraint(["diagnostic_id"], ["diagnostics.id"], name="fk_bookings_diagnostic_id"),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctors.id"], name="fk_bookings_doctor_id"),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name="fk_bookings_location_id"),
        sa.ForeignKeyConstraint(["patient_id"], ["users.id"], name="fk_bookings_patient_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name="fk_bookings_station_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bookings"),
    )
    op.create_index("ix_bookings_diagnostic_id", "bookings", ["diagnostic_id"], unique=False)
    op.create_index(
        "ix_bookings_held_until", "bookings", ["held_until"], postgresql_where=sa.text("status = 'pending'")
    )
    op.create_index("ix_bookings_doctor_id", "bookings", ["doctor_id", "starts_at"], unique=False)
    op.create_index("ix_bookings_location_id", "bookings", ["location_id"], unique=False)
    op.create_index("ix_bookings_patient_id", "bookings", ["patient_id"], unique=False)
    op.create_index("ix_bookings_starts_at", "bookings", ["starts_at", "id"], unique=False)
    op.create_index("ix_bookings_station_id", "bookings", ["station_id", "starts_at"], unique=False)
    op.create_table(
        "booking_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "booked",
                "arrived",
                "fulfilled",
                "cancelled",
                "noshow",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["bookings.id"], name="fk_booking_events_booking_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_booking_events"),
    )
    op.create_index("ix_booking_events_booking_id", "booking_events", ["booking_id"], unique=False)
    op.create_table(
        "results",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("uploader_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "checking", "ready", "refused", name="status", native_enum=False, create_constraint=True, length=16
            ),
            nullable=False,
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=50), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("file_key", sa.String(length=255), nullable=True),
        sa.Column("preview_key", sa.String(length=255), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name="fk_results_booking_id"),
        sa.ForeignKeyConstraint(["uploader_id"], ["users.id"], name="fk_results_uploader_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_results"),
    )
    op.create_index("ix_results_booking_id", "results", ["booking_id"], unique=False)


def downgrade() -> None:
    op.drop_table("results")
    op.drop_table("booking_events")
    op.drop_table("bookings")
    op.drop_table("waiting")
    op.drop_table("stations")
    op.drop_table("reviews")
    op.drop_table("doctor_locations")
    op.drop_table("doctors")
    op.drop_table("diagnostic_locations")
    op.drop_table("telegram_init_data")
    op.drop_table("specialties")
    op.drop_table("locations")
    op.drop_table("diagnostics")
