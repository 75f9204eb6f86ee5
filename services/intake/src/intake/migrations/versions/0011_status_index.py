"""Every paper has a place in the list of those that were taken back."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    "ALTER TABLE document ADD COLUMN status_index bigint",
    "UPDATE document SET status_index = nextval('document_serial')",
    "ALTER TABLE document ALTER COLUMN status_index SET NOT NULL",
    "ALTER TABLE document ADD CONSTRAINT document_status_index_key UNIQUE (status_index)",
    "CREATE INDEX ix_document_taken_back ON document (status_index) WHERE revoked_at IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
