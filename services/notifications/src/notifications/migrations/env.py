"""Alembic's door to the migrations of notifications."""

from wanderamt.backbone.migrations import run

from notifications.tables import metadata

run(metadata)
