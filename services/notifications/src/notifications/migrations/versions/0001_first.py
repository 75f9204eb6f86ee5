"""The backbone's tables and those of notifications."""

from alembic import op
from wanderamt.backbone import schema

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE notice (
        notice_id uuid PRIMARY KEY, version integer NOT NULL, case_id uuid NOT NULL, kind varchar NOT NULL,
        channel varchar NOT NULL, language varchar NOT NULL, reference varchar NOT NULL, contact jsonb NOT NULL,
        state varchar NOT NULL, reason varchar NOT NULL, decided_at timestamptz NOT NULL,
        valid_until timestamptz NOT NULL, ended_at timestamptz, UNIQUE (case_id, kind, channel)
    )""",
)


def upgrade() -> None:
    for statement in (*schema.CREATE, *TABLES):
        op.execute(statement)
