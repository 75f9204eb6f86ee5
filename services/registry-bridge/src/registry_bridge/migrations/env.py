"""Alembic's door to the migrations of the registry bridge."""

from wanderamt.backbone.migrations import run

from registry_bridge.tables import metadata

run(metadata)
