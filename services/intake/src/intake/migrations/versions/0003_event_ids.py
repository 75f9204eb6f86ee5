"""Ids of events come from the database."""

from alembic import op
from wanderamt.backbone import schema

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for statement in schema.EVENT_IDS:
        op.execute(statement)
