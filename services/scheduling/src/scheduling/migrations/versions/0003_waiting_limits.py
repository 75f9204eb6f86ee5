"""Entries of the waiting list count for the network that joined; appointments keep whether a code confirmed them."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE appointment ADD COLUMN confirmed_by_code boolean NOT NULL DEFAULT false")
    op.execute("ALTER TABLE waiting ADD COLUMN holder bytea, ADD COLUMN retry_at timestamptz")
