"""Deadlines and obligations of cases, and what the deletion of cases needs: since when a case has ended, counts of what
was deleted, and the case of an entry that nobody could read.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    """
    CREATE TABLE due_date (
        case_id uuid, kind varchar, code varchar, due_at timestamptz NOT NULL, remind_at timestamptz,
        reminded_at timestamptz, met_at timestamptz, missed_at timestamptz, PRIMARY KEY (case_id, kind, code)
    )""",
    """
    CREATE INDEX ix_due_date_remind ON due_date (remind_at)
    WHERE reminded_at IS NULL AND met_at IS NULL AND missed_at IS NULL
    """,
    "CREATE INDEX ix_due_date_open ON due_date (due_at) WHERE met_at IS NULL AND missed_at IS NULL",
    "CREATE INDEX ix_due_date_unmet ON due_date (due_at, case_id, code) WHERE kind = 'obligation' AND met_at IS NULL",
    "ALTER TABLE case_file ADD COLUMN ended_at timestamptz",
    # of cases of an earlier release nobody knows better: their time begins with this migration
    "UPDATE case_file SET ended_at = now() WHERE state IN ('final', 'compensated', 'withdrawn', 'closed')",
    """
    CREATE INDEX ix_case_file_to_close ON case_file (ended_at) WHERE state IN ('final', 'compensated', 'withdrawn')
    """,
    "CREATE INDEX ix_case_file_to_delete ON case_file (edition, ended_at) WHERE state = 'closed'",
    """
    CREATE TABLE retention_run (
        day date, service varchar, retention varchar, cases integer NOT NULL, PRIMARY KEY (day, service, retention)
    )""",
    "ALTER TABLE refused_entry ADD COLUMN case_id uuid",
    "CREATE INDEX ix_refused_entry_case_id ON refused_entry (case_id) WHERE case_id IS NOT NULL",
    "CREATE INDEX ix_refused_entry_received_at ON refused_entry (received_at)",
    "CREATE INDEX ix_conflict_case_id ON conflict (case_id)",
    "CREATE INDEX ix_refund_case_id ON refund (case_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
