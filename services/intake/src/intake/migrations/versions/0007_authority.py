"""Cases, stands, tills, numbers and documents carry the authority to which they belong: that of the session."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = ("case_file", "stand", "till", "number_series", "number_block", "spent_number", "document")


def upgrade() -> None:
    for table in TABLES:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN authority text NOT NULL"
            " DEFAULT coalesce(current_setting('wanderamt.authority', true), '')"
        )
