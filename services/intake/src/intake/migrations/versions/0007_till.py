"""Money has a ledger of its own: receipts, tills, what is owed back. What was taken before stands in the histories."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """
    CREATE TABLE movement (
        receipt varchar PRIMARY KEY, case_id uuid NOT NULL, stand_id uuid NOT NULL, device_id uuid NOT NULL,
        till_id uuid, officer varchar NOT NULL, payment varchar NOT NULL, cents integer NOT NULL,
        noted_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_movement_case_id ON movement (case_id)",
    "CREATE INDEX ix_movement_till_id ON movement (till_id)",
    """
    INSERT INTO movement (receipt, case_id, stand_id, device_id, officer, payment, cents, noted_at)
    SELECT one -> 'what' ->> 'receipt', case_id, c.stand_id, coalesce(h.device_id, c.device_id), h.officer,
           one -> 'what' ->> 'payment', (one -> 'what' ->> 'cents')::int, h.happened_at
    FROM case_history h JOIN case_file c USING (case_id), json_array_elements(h.chapter -> 'happened') AS one
    WHERE one ->> 'kind' = 'Paid'
    """,
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
    """
    INSERT INTO refund (refund_id, case_id, stand_id, cents, reason, owed_at)
    SELECT gen_random_uuid(), case_id, c.stand_id, (one -> 'what' ->> 'refund_cents')::int,
           coalesce(one -> 'what' ->> 'reason', 'withdrawn'), h.happened_at
    FROM case_history h JOIN case_file c USING (case_id), json_array_elements(h.chapter -> 'happened') AS one
    WHERE one ->> 'kind' IN ('Compensated', 'Withdrawn') AND (one -> 'what' ->> 'refund_cents')::int > 0
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
