"""The backbone's tables and those of the registry bridge."""

from alembic import op
from wanderamt.backbone.persistence import schema

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE request (
        request_id uuid PRIMARY KEY,
        case_id uuid NOT NULL,
        register_name varchar NOT NULL,
        operation varchar NOT NULL,
        question jsonb NOT NULL,
        purpose varchar NOT NULL,
        officer varchar NOT NULL,
        state varchar NOT NULL,
        outcome varchar,
        asked_at timestamptz NOT NULL,
        answered_at timestamptz,
        effect_possible boolean NOT NULL DEFAULT false,
        code text NOT NULL DEFAULT '',
        assertion text,
        file text,
        unreadable_response bytea
    )""",
    "CREATE INDEX ix_request_file ON request (register_name, file) WHERE state = 'waiting'",
    """
    CREATE TABLE register (
        register_name text PRIMARY KEY,
        state jsonb NOT NULL,
        exchange jsonb NOT NULL,
        changed_at timestamptz NOT NULL
    )""",
    """
    CREATE TABLE cached_answer (
        register_name text NOT NULL,
        operation text NOT NULL,
        question_hash bytea NOT NULL,
        outcome text NOT NULL,
        answer jsonb,
        as_of timestamptz NOT NULL,
        PRIMARY KEY (register_name, operation, question_hash)
    )""",
    "CREATE INDEX ix_cached_answer_age ON cached_answer (as_of)",
    """
    CREATE TABLE register_access_log (
        id uuid PRIMARY KEY,
        read_at timestamptz NOT NULL,
        officer text NOT NULL,
        purpose text NOT NULL,
        case_id uuid NOT NULL,
        request_id uuid,
        register_name text NOT NULL,
        operation text NOT NULL,
        outcome text NOT NULL,
        delivered jsonb NOT NULL,
        source text NOT NULL,
        as_of timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_register_access_log_officer ON register_access_log (officer, read_at)",
    "CREATE INDEX ix_register_access_log_case ON register_access_log (case_id)",
)


def upgrade() -> None:
    for statement in (*schema.CREATE, *TABLES):
        op.execute(statement)
