"""Alembic environment of notifications."""

from wanderamt.backbone.persistence.migrations import run

from notifications.tables import metadata

run(metadata)
