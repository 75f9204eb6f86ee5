"""The backbone's heartbeat, marks and replayable parked rows."""

from alembic import op
from wanderamt.backbone import schema

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for statement in schema.REPLAYABLE:
        op.execute(statement)
