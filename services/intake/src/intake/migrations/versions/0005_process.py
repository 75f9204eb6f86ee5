"""Cases have a history; entries wait for their turn; numbers are leased; documents can be taken back.

Cases of before go on under the rules they knew: identified and paid was what nobody wrote down.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """
    ALTER TABLE case_file ADD COLUMN told integer, ADD COLUMN number varchar, ADD COLUMN application_day date,
        ADD COLUMN progress jsonb, ADD COLUMN facts jsonb, ALTER COLUMN applicant DROP NOT NULL
    """,
    """
    UPDATE case_file SET told = version, application_day = (captured_at AT TIME ZONE 'Europe/Vienna')::date,
        progress = jsonb_build_object(
            'identified', 'photo_id', 'papers', '["expertise_proof", "income_proof", "liability_cover"]'::jsonb,
            'confirmed', state = 'final', 'provisional', NULL, 'receipts', '[]'::jsonb, 'paid_cents', 0,
            'settled', true)
    """,
    """
    ALTER TABLE case_file ALTER COLUMN told SET NOT NULL, ALTER COLUMN application_day SET NOT NULL,
        ALTER COLUMN progress SET NOT NULL
    """,
    "CREATE INDEX ix_case_file_deadline ON case_file (deadline) WHERE deadline IS NOT NULL",
    """
    CREATE TABLE case_history (
        case_id uuid, version integer, chapter json NOT NULL, officer varchar NOT NULL, device_id uuid,
        entry_id uuid, happened_at timestamptz NOT NULL, PRIMARY KEY (case_id, version)
    )""",
    """
    ALTER TABLE entry ADD COLUMN fate varchar NOT NULL DEFAULT 'applied', ADD COLUMN code varchar,
        ADD COLUMN hint varchar, ADD COLUMN ground varchar, ADD COLUMN raw jsonb
    """,
    """
    UPDATE entry SET fate = 'refused', code = refusal, hint = 'It was refused before. Ask the operator for the reason.',
        ground = 'conflict' WHERE refusal IS NOT NULL
    """,
    "ALTER TABLE entry DROP COLUMN refusal, ALTER COLUMN fate DROP DEFAULT",
    "CREATE INDEX ix_entry_case_id ON entry (case_id)",
    "CREATE INDEX ix_entry_held ON entry (received_at) WHERE fate = 'held'",
    """
    CREATE TABLE conflict (
        conflict_id uuid PRIMARY KEY, case_id uuid NOT NULL, stand_id uuid NOT NULL, entry_id uuid NOT NULL,
        device_id uuid NOT NULL, name varchar NOT NULL, clash jsonb NOT NULL, noted_at timestamptz NOT NULL,
        decided_by varchar, decided_at timestamptz, taken varchar
    )""",
    "CREATE INDEX ix_conflict_open ON conflict (stand_id) WHERE decided_at IS NULL",
    """
    CREATE TABLE number_series (
        series varchar, year integer, next_serial integer NOT NULL, PRIMARY KEY (series, year)
    )""",
    """
    CREATE TABLE number_block (
        block_id uuid PRIMARY KEY, series varchar NOT NULL, year integer NOT NULL, first integer NOT NULL,
        last integer NOT NULL, stand_id uuid NOT NULL, device_id uuid NOT NULL, leased_at timestamptz NOT NULL,
        returned_at timestamptz, UNIQUE (series, year, first)
    )""",
    "CREATE INDEX ix_number_block_held ON number_block (device_id) WHERE returned_at IS NULL",
    """
    CREATE TABLE number_gone (
        series varchar, year integer, serial integer, block_id uuid NOT NULL, reason varchar, entry_id uuid,
        gone_at timestamptz NOT NULL, PRIMARY KEY (series, year, serial)
    )""",
    "CREATE INDEX ix_number_gone_block_id ON number_gone (block_id)",
    "ALTER TABLE document ADD COLUMN version integer NOT NULL DEFAULT 0, ADD COLUMN revoked_at timestamptz",
    "UPDATE document SET version = 1 WHERE issued_at IS NOT NULL",
    "ALTER TABLE document ALTER COLUMN version DROP DEFAULT, DROP CONSTRAINT document_case_id_key",
    "CREATE UNIQUE INDEX ix_document_valid ON document (case_id) WHERE revoked_at IS NULL",
    "CREATE INDEX ix_document_case_id ON document (case_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
