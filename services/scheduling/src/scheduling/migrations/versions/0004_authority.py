"""A stand carries the authority to which it belongs: that of the session."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE stand ADD COLUMN authority text NOT NULL"
        " DEFAULT coalesce(current_setting('wanderamt.authority', true), '')"
    )
