"""A case knows whom it is for by the bPK of its sector; a device, how far its clock is off."""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = (
    "ALTER TABLE case_file ADD COLUMN bpk varchar",
    "CREATE INDEX ix_case_file_bpk ON case_file (bpk) WHERE bpk IS NOT NULL",
    "ALTER TABLE device ADD COLUMN clock_off_s integer",
    "ALTER TABLE device ADD COLUMN heard_at timestamptz",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
