"""Alembic's door to the migrations of intake."""

from wanderamt.backbone.migrations import run

from intake.tables import metadata

run(metadata)
