"""A stand says what it is for: its occasion, and whom it wants to reach."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE stand ADD COLUMN occasion varchar, ADD COLUMN target_group varchar")
