"""The tables of intake."""

from alembic import op

revision = "0001"
down_revision = None

DEVICES = (
    """
    CREATE TABLE device (
        device_id uuid PRIMARY KEY, label varchar NOT NULL, enrolled_by varchar NOT NULL,
        enrolled_at timestamptz NOT NULL, revoked_at timestamptz, durable_through bigint NOT NULL DEFAULT 0,
        clock_off_s integer, heard_at timestamptz, public_key varchar, key_thumbprint varchar
    )""",
    """
    CREATE TABLE enrolment_code (
        code bytea PRIMARY KEY, label varchar NOT NULL, made_by varchar NOT NULL, made_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL, made_for uuid, used_by uuid
    )""",
)
SESSIONS = (
    """
    CREATE TABLE field_session (
        session_id uuid PRIMARY KEY, officer varchar NOT NULL, device_id uuid NOT NULL, stand_id uuid NOT NULL,
        began_at timestamptz NOT NULL, until timestamptz NOT NULL, ended_at timestamptz
    )""",
    "CREATE INDEX ix_field_session_until ON field_session (until)",
)
ENTRIES = (
    """
    CREATE TABLE entry (
        entry_id uuid PRIMARY KEY, device_id uuid NOT NULL, device_seq bigint NOT NULL, case_id uuid NOT NULL,
        case_seq integer NOT NULL, type varchar NOT NULL, payload_hash bytea NOT NULL,
        captured_at timestamptz NOT NULL, received_at timestamptz NOT NULL, status varchar NOT NULL, code varchar,
        hint varchar, refusal_kind varchar, raw jsonb, UNIQUE (device_id, device_seq)
    )""",
    "CREATE INDEX ix_entry_case_id ON entry (case_id)",
    "CREATE INDEX ix_entry_held ON entry (received_at) WHERE status = 'held'",
    """
    CREATE TABLE refused_entry (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, device_id uuid NOT NULL, code varchar NOT NULL,
        sha256 bytea NOT NULL, bytes integer NOT NULL, raw jsonb, received_at timestamptz NOT NULL,
        UNIQUE (device_id, sha256)
    )""",
    """
    CREATE TABLE conflict (
        conflict_id uuid PRIMARY KEY, case_id uuid NOT NULL, stand_id uuid NOT NULL, entry_id uuid NOT NULL,
        device_id uuid NOT NULL, name varchar NOT NULL, field_values jsonb NOT NULL, noted_at timestamptz NOT NULL,
        decided_by varchar, decided_at timestamptz, resolution varchar
    )""",
    "CREATE INDEX ix_conflict_open ON conflict (stand_id) WHERE decided_at IS NULL",
)
CASES = (
    """
    CREATE TABLE case_file (
        case_id uuid PRIMARY KEY, version integer NOT NULL, event_version integer NOT NULL, service varchar NOT NULL,
        edition varchar NOT NULL, stand_id uuid NOT NULL, device_id uuid NOT NULL, language varchar NOT NULL,
        state varchar NOT NULL, number varchar, captured_at timestamptz NOT NULL, application_day date NOT NULL,
        opened_at timestamptz NOT NULL, owner varchar NOT NULL, reason varchar NOT NULL, deadline timestamptz,
        request_id uuid, finished_at timestamptz, progress json NOT NULL, applicant json, contact json, facts json,
        changed bigint NOT NULL, bpk varchar
    )""",
    "CREATE INDEX ix_case_file_deadline ON case_file (deadline) WHERE deadline IS NOT NULL",
    "CREATE INDEX ix_case_file_changed ON case_file (stand_id, changed, case_id)",
    "CREATE INDEX ix_case_file_bpk ON case_file (bpk) WHERE bpk IS NOT NULL",
    "CREATE TABLE case_stand (case_id uuid, stand_id uuid, PRIMARY KEY (case_id, stand_id))",
    "CREATE INDEX ix_case_stand_stand ON case_stand (stand_id)",
    """
    CREATE TABLE case_history (
        case_id uuid, version integer, content json NOT NULL, officer varchar NOT NULL, device_id uuid,
        entry_id uuid, happened_at timestamptz NOT NULL, PRIMARY KEY (case_id, version)
    )""",
)
NUMBERS = (
    """
    CREATE TABLE number_series (
        series varchar, year integer, next_serial integer NOT NULL, PRIMARY KEY (series, year)
    )""",
    """
    CREATE TABLE number_block (
        block_id uuid PRIMARY KEY, series varchar NOT NULL, year integer NOT NULL, first integer NOT NULL,
        last integer NOT NULL, stand_id uuid NOT NULL, device_id uuid NOT NULL, leased_at timestamptz NOT NULL,
        returned_at timestamptz, status_list_indexes bigint[] NOT NULL DEFAULT '{}', UNIQUE (series, year, first)
    )""",
    "CREATE INDEX ix_number_block_held ON number_block (device_id) WHERE returned_at IS NULL",
    """
    CREATE TABLE spent_number (
        series varchar, year integer, serial integer, block_id uuid NOT NULL, reason varchar, entry_id uuid,
        spent_at timestamptz NOT NULL, PRIMARY KEY (series, year, serial)
    )""",
    "CREATE INDEX ix_spent_number_block_id ON spent_number (block_id)",
)
MONEY = (
    """
    CREATE TABLE payment (
        receipt varchar PRIMARY KEY, case_id uuid NOT NULL, stand_id uuid NOT NULL, device_id uuid NOT NULL,
        till_id uuid, officer varchar NOT NULL, method varchar NOT NULL, cents integer NOT NULL,
        noted_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_payment_case_id ON payment (case_id)",
    "CREATE INDEX ix_payment_till_id ON payment (till_id)",
    """
    CREATE TABLE till (
        till_id uuid PRIMARY KEY, stand_id uuid NOT NULL, device_id uuid NOT NULL, opened_by varchar NOT NULL,
        opened_at timestamptz NOT NULL, float_cents integer NOT NULL, closed_by varchar, closed_at timestamptz,
        counted_cents integer, note varchar NOT NULL
    )""",
    "CREATE INDEX ix_till_stand_id ON till (stand_id)",
    "CREATE UNIQUE INDEX ix_till_open ON till (device_id) WHERE closed_at IS NULL",
    """
    CREATE TABLE refund (
        refund_id uuid PRIMARY KEY, case_id uuid NOT NULL, stand_id uuid NOT NULL, cents integer NOT NULL,
        reason varchar NOT NULL, owed_at timestamptz NOT NULL, receipt varchar UNIQUE
    )""",
    "CREATE INDEX ix_refund_owed ON refund (stand_id) WHERE receipt IS NULL",
)
DOCUMENTS = (
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
    """
    CREATE TABLE document (
        document_id uuid PRIMARY KEY, case_id uuid NOT NULL, number varchar NOT NULL UNIQUE,
        version integer NOT NULL, ordered_at timestamptz NOT NULL, issued_at timestamptz, revoked_at timestamptz,
        sha256 varchar, pdf bytea, status_index bigint NOT NULL UNIQUE, second_copy boolean NOT NULL DEFAULT false,
        problem varchar, problem_owner varchar
    )""",
    "CREATE UNIQUE INDEX ix_document_valid ON document (case_id) WHERE revoked_at IS NULL AND NOT second_copy",
    "CREATE INDEX ix_document_case_id ON document (case_id)",
    "CREATE INDEX ix_document_revoked ON document (status_index) WHERE revoked_at IS NOT NULL",
    "CREATE SEQUENCE document_serial",
)
SCHEDULE_COPIES = (
    """
    CREATE TABLE stand (
        stand_id uuid PRIMARY KEY, place varchar NOT NULL, starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL, cancelled boolean NOT NULL, occasion varchar, target_group varchar,
        services varchar[] NOT NULL DEFAULT '{}'
    )""",
    """
    CREATE TABLE appointment (
        appointment_id uuid PRIMARY KEY, stand_id uuid NOT NULL, service varchar NOT NULL,
        starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL, language varchar NOT NULL,
        state varchar NOT NULL
    )""",
    "CREATE INDEX ix_appointment_stand_id ON appointment (stand_id, starts_at)",
)
TABLES = (*DEVICES, *SESSIONS, *ENTRIES, *CASES, *NUMBERS, *MONEY, *DOCUMENTS, *SCHEDULE_COPIES)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
