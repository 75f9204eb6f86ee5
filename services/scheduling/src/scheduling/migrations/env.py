"""Alembic's door to the migrations of scheduling."""

from wanderamt.backbone.migrations import run

from scheduling.tables import metadata

run(metadata)
