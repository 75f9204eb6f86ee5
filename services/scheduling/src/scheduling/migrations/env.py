"""Alembic environment of scheduling."""

from wanderamt.backbone.persistence.migrations import run

from scheduling.tables import metadata

run(metadata)
