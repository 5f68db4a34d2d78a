"""Name CHECK constraints as the models do: they had their prefix twice"""

from alembic import op

revision = "clinic_0003"
down_revision = "clinic_0002"
branch_labels = None
depends_on = None

NAMES = {
    "bookings": (
        "a_doctor_or_a_station",
        "a_station_is_of_a_diagnostic",
        "it_takes_time",
        "pending_until",
        "somebody_comes",
    ),
    "diagnostics": ("no_time_is_negative", "price_not_negative", "slots_take_time"),
    "doctors": ("no_time_is_negative", "price_not_negative", "slots_take_time"),
    "reviews": ("one_to_five_stars",),
    "stations": ("numbered_from_1",),
    "waiting": ("a_doctor_or_a_diagnostic", "days_in_order"),
}


def upgrade() -> None:
    for table, names in NAMES.items():
        for name in names:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT ck_{table}_ck_{table}_{name} TO ck_{table}_{name}")


def downgrade() -> None:
    for table, names in NAMES.items():
        for name in names:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT ck_{table}_{name} TO ck_{table}_ck_{table}_{name}")
