"""Photos and scans, in pieces, sealed."""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    """
    CREATE TABLE attachment (
        attachment_id uuid PRIMARY KEY, case_id uuid NOT NULL, device_id uuid NOT NULL, kind varchar NOT NULL,
        length integer NOT NULL, sha256 bytea NOT NULL, begun_at timestamptz NOT NULL, received integer NOT NULL,
        completed_at timestamptz
    )""",
    "CREATE INDEX ix_attachment_begun ON attachment (device_id) WHERE completed_at IS NULL",
    "CREATE INDEX ix_attachment_case_id ON attachment (case_id)",
    """
    CREATE TABLE attachment_piece (
        attachment_id uuid, start integer, sealed bytea NOT NULL, PRIMARY KEY (attachment_id, start)
    )""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
