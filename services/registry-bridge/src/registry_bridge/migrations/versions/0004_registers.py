"""Registers as we know them, files between us, answers kept, who was given what."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE register (
            register_name text PRIMARY KEY,
            state jsonb NOT NULL,
            exchange jsonb NOT NULL,
            changed_at timestamptz NOT NULL
        )
        """
    )
    op.execute(
        """
        ALTER TABLE request
            ADD maybe boolean NOT NULL DEFAULT false,
            ADD code text NOT NULL DEFAULT '',
            ADD assertion text,
            ADD file text,
            ADD raw bytea
        """
    )
    op.execute("CREATE INDEX ix_request_file ON request (register_name, file) WHERE state = 'waiting'")
    op.execute(
        """
        CREATE TABLE kept_answer (
            register_name text NOT NULL,
            operation text NOT NULL,
            fingerprint bytea NOT NULL,
            verdict text NOT NULL,
            answer jsonb,
            as_of timestamptz NOT NULL,
            PRIMARY KEY (register_name, operation, fingerprint)
        )
        """
    )
    op.execute("CREATE INDEX ix_kept_answer_age ON kept_answer (as_of)")
    op.execute(
        """
        CREATE TABLE register_read (
            id uuid PRIMARY KEY,
            read_at timestamptz NOT NULL,
            officer text NOT NULL,
            purpose text NOT NULL,
            case_id uuid NOT NULL,
            request_id uuid,
            register_name text NOT NULL,
            operation text NOT NULL,
            verdict text NOT NULL,
            delivered jsonb NOT NULL,
            source text NOT NULL,
            as_of timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX ix_register_read_officer ON register_read (officer, read_at)")
    op.execute("CREATE INDEX ix_register_read_case ON register_read (case_id)")
