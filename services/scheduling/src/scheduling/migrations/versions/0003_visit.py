"""Demand as it was served."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE visit (
            case_id uuid PRIMARY KEY, stand_id uuid NOT NULL, service varchar NOT NULL, outcome varchar NOT NULL,
            opened_at timestamptz, ended_at timestamptz
        )"""
    )
    op.execute("CREATE INDEX ix_visit_stand_id ON visit (stand_id)")
