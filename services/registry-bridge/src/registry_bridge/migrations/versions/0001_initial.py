"""The tables of the registry bridge."""

from alembic import op

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
        code varchar NOT NULL DEFAULT '',
        assertion varchar,
        file varchar,
        unreadable_response bytea
    )""",
    "CREATE INDEX ix_request_file ON request (register_name, file) WHERE state = 'waiting'",
    """
    CREATE TABLE register (
        register_name varchar PRIMARY KEY,
        state jsonb NOT NULL,
        exchange jsonb NOT NULL,
        changed_at timestamptz NOT NULL
    )""",
    """
    CREATE TABLE cached_answer (
        register_name varchar NOT NULL,
        operation varchar NOT NULL,
        question_hash bytea NOT NULL,
        outcome varchar NOT NULL,
        answer jsonb,
        as_of timestamptz NOT NULL,
        PRIMARY KEY (register_name, operation, question_hash)
    )""",
    "CREATE INDEX ix_cached_answer_age ON cached_answer (as_of)",
    """
    CREATE TABLE case_copy (
        case_id uuid PRIMARY KEY,
        service varchar NOT NULL,
        stands uuid[] NOT NULL,
        queries jsonb NOT NULL,
        applicant_hash varchar NOT NULL,
        ended_at timestamptz
    )""",
    "CREATE INDEX ix_case_copy_ended ON case_copy (ended_at) WHERE ended_at IS NOT NULL",
    """
    CREATE TABLE lookup (
        lookup_id uuid PRIMARY KEY,
        asked_at timestamptz NOT NULL,
        officer varchar NOT NULL,
        device_id uuid,
        stand_id uuid,
        case_id uuid NOT NULL,
        register_name varchar NOT NULL,
        operation varchar NOT NULL,
        purpose varchar NOT NULL,
        outcome varchar NOT NULL,
        code varchar NOT NULL
    )""",
    "CREATE INDEX ix_lookup_officer ON lookup (officer, asked_at)",
    "CREATE INDEX ix_lookup_case ON lookup (case_id, asked_at)",
    """
    CREATE TABLE register_access_log (
        id uuid PRIMARY KEY,
        read_at timestamptz NOT NULL,
        officer varchar NOT NULL,
        purpose varchar NOT NULL,
        case_id uuid NOT NULL,
        request_id uuid,
        register_name varchar NOT NULL,
        operation varchar NOT NULL,
        outcome varchar NOT NULL,
        delivered jsonb NOT NULL,
        source varchar NOT NULL,
        as_of timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_register_access_log_officer ON register_access_log (officer, read_at)",
    "CREATE INDEX ix_register_access_log_case ON register_access_log (case_id)",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
