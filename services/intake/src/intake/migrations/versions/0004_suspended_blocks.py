"""Number blocks remember that their device was revoked, so that to enrol it again does not undo this."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE number_block ADD COLUMN suspended_at timestamptz")
    op.execute(
        """
        UPDATE number_block b SET suspended_at = d.revoked_at FROM device d
        WHERE d.device_id = b.device_id AND d.revoked_at IS NOT NULL AND b.returned_at IS NULL
        """
    )
