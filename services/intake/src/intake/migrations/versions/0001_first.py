"""The backbone's tables and those of intake."""

from alembic import op
from wanderamt.backbone import schema

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE device (
        device_id uuid PRIMARY KEY, label varchar NOT NULL, enrolled_by varchar NOT NULL,
        enrolled_at timestamptz NOT NULL, revoked_at timestamptz
    )""",
    """
    CREATE TABLE entry (
        entry_id uuid PRIMARY KEY, device_id uuid NOT NULL, device_seq bigint NOT NULL, case_id uuid NOT NULL,
        case_seq integer NOT NULL, type varchar NOT NULL, payload_hash bytea NOT NULL, refusal varchar,
        captured_at timestamptz NOT NULL, received_at timestamptz NOT NULL, UNIQUE (device_id, device_seq)
    )""",
    """
    CREATE TABLE refused_entry (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, device_id uuid NOT NULL, code varchar NOT NULL,
        sha256 bytea NOT NULL, bytes integer NOT NULL, raw jsonb, received_at timestamptz NOT NULL,
        UNIQUE (device_id, sha256)
    )""",
    """
    CREATE TABLE case_file (
        case_id uuid PRIMARY KEY, version integer NOT NULL, service varchar NOT NULL, stand_id uuid NOT NULL,
        device_id uuid NOT NULL, language varchar NOT NULL, state varchar NOT NULL, applicant jsonb NOT NULL,
        contact jsonb, captured_at timestamptz NOT NULL, opened_at timestamptz NOT NULL, owner varchar NOT NULL,
        reason varchar NOT NULL, deadline timestamptz, request_id uuid, finished_at timestamptz
    )""",
    "CREATE INDEX ix_case_file_stand_id ON case_file (stand_id)",
    """
    CREATE TABLE document (
        document_id uuid PRIMARY KEY, case_id uuid NOT NULL UNIQUE, number varchar NOT NULL UNIQUE,
        ordered_at timestamptz NOT NULL, issued_at timestamptz, sha256 varchar, pdf bytea
    )""",
    "CREATE SEQUENCE document_serial",
    """
    CREATE TABLE stand (
        stand_id uuid PRIMARY KEY, place varchar NOT NULL, starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL, cancelled boolean NOT NULL
    )""",
)


def upgrade() -> None:
    for statement in (*schema.CREATE, *TABLES):
        op.execute(statement)
