"""Devices ask what has changed: a case knows the transaction that changed it last, a device how far it is heard."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    "ALTER TABLE case_file ADD COLUMN changed bigint NOT NULL DEFAULT 0",
    "ALTER TABLE case_file ALTER COLUMN changed DROP DEFAULT",
    "CREATE INDEX ix_case_file_changed ON case_file (stand_id, changed, case_id)",
    "DROP INDEX ix_case_file_stand_id",
    "ALTER TABLE device ADD COLUMN durable_through bigint NOT NULL DEFAULT 0",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
