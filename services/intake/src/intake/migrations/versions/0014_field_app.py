"""The crew's app: devices with a key, codes that let them in, papers that are stamped at a stand."""

from alembic import op

revision = "0014"
down_revision = "0013"

STEPS = (
    "ALTER TABLE device ADD COLUMN public_key varchar",
    """
    CREATE TABLE invitation (
        code bytea PRIMARY KEY, label varchar NOT NULL, made_by varchar NOT NULL, made_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL, device_id uuid
    )""",
    "ALTER TABLE number_block ADD COLUMN places bigint[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE document ADD COLUMN beside boolean NOT NULL DEFAULT false",
    "DROP INDEX ix_document_valid",
    "CREATE UNIQUE INDEX ix_document_valid ON document (case_id) WHERE revoked_at IS NULL AND NOT beside",
)


def upgrade() -> None:
    for step in STEPS:
        op.execute(step)
