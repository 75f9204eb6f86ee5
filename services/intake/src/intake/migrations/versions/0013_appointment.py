"""A small copy of the appointments, for the bundle that a device takes to a stand."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE appointment (
            appointment_id uuid PRIMARY KEY, stand_id uuid NOT NULL, service varchar NOT NULL,
            starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL, language varchar NOT NULL,
            state varchar NOT NULL
        )"""
    )
    op.execute("CREATE INDEX ix_appointment_stand_id ON appointment (stand_id, starts_at)")
    op.execute("ALTER TABLE stand ADD COLUMN services varchar[] NOT NULL DEFAULT '{}'")
