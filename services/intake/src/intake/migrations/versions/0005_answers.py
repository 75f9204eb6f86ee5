"""A case keeps what registers answered, encrypted like its form."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE case_file ADD COLUMN answers json")
