"""Alembic environment of the registry bridge."""

from wanderamt.backbone.persistence.migrations import run

from registry_bridge.tables import metadata

run(metadata)
