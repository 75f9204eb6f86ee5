"""What a citizen must still do after a case, for the status page."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE citizen_case ADD COLUMN due_dates jsonb NOT NULL DEFAULT '[]'")
