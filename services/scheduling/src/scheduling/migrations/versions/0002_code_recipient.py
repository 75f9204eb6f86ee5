"""A code belongs to a contact and to the network that asked for it. Codes of before are valid for minutes only."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("DELETE FROM contact_code")
    op.execute("ALTER TABLE contact_code RENAME COLUMN address_hash TO recipient")
