"""Alembic environment of the backbone. Its version table is not that of the service in the same database."""

from sqlalchemy import MetaData

from wanderamt.backbone.persistence.migrations import BACKBONE_VERSION, run

run(MetaData(), version_table=BACKBONE_VERSION)
