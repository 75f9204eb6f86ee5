"""What is counted per device: its held entries."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_entry_held_device ON entry (device_id) WHERE status = 'held'")
