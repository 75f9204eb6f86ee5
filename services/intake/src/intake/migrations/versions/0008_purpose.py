"""The copy of a stand knows what it is for. Stands of before are of no occasion until they are told again."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE stand ADD COLUMN occasion varchar, ADD COLUMN target_group varchar")
