"""A case remembers the edition of its service; found property got the name of what it is."""

from alembic import op

revision = "0004"
down_revision = "0003"

# what the code of before offered, under the editions that say the same
EDITIONS = {
    "registration_confirmation": "2025-07-01",
    "dog_registration": "2024-12-01",
    "active_pass": "2023-01-01",
    "found_property_report": "2023-01-01",
}


def upgrade() -> None:
    op.execute("UPDATE case_file SET service = 'found_property_report' WHERE service = 'found_property_report'")
    op.execute("ALTER TABLE case_file ADD COLUMN edition varchar NOT NULL DEFAULT ''")
    for service, valid_from in EDITIONS.items():
        op.execute(f"UPDATE case_file SET edition = '{service}@{valid_from}' WHERE service = '{service}'")
    op.execute("ALTER TABLE case_file ALTER COLUMN edition DROP DEFAULT")
