"""What is counted per device: its held entries, and the blocks of numbers that it leased in a day."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_entry_held_device ON entry (device_id) WHERE status = 'held'")
    op.execute("CREATE INDEX ix_number_block_leased ON number_block (device_id, leased_at)")
