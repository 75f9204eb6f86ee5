"""Where people typed owner and reason of a case, both lie encrypted in `assignment`.

Cases of an earlier release keep them in `owner` and `reason` until they change.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE case_file ADD COLUMN assignment json")
