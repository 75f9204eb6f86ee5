"""The backbone's tables and those of the registry bridge."""

from alembic import op
from wanderamt.backbone import schema

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE request (
        request_id uuid PRIMARY KEY, case_id uuid NOT NULL, register_name varchar NOT NULL, operation varchar NOT NULL,
        question jsonb NOT NULL, purpose varchar NOT NULL, officer varchar NOT NULL, state varchar NOT NULL,
        verdict varchar, asked_at timestamptz NOT NULL, answered_at timestamptz
    )""",
)


def upgrade() -> None:
    for statement in (*schema.CREATE, *TABLES):
        op.execute(statement)
