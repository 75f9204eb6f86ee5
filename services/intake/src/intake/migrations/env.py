"""The Alembic environment of intake."""

from wanderamt.backbone.persistence.migrations import run

from intake.tables import metadata

run(metadata)
