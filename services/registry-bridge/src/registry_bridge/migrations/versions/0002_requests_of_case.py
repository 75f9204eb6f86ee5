"""The requests of a case are found, to delete them with it."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_request_case_id ON request (case_id)")
