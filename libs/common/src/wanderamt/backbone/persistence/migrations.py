"""Creates and changes the tables of a service: first those of the backbone, then its own.

A service has its own migrations in the folder `migrations` of its package, whose `env.py` calls `run`. A small one
passes its tables instead: those that are missing are created, and none is changed.

Only `wanderamt migrate`, `wanderamt run --migrate`, `wanderamt rebuild` and tests import this module: a
running service does not need Alembic.
"""

import asyncio
from collections.abc import Callable
from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

BACKBONE = "wanderamt.backbone"
BACKBONE_VERSION = "backbone_version"
OWN_VERSION = "alembic_version"
LOCK = 815_4711  # one migration at a time per database


def migrate(url: str, package: str = "", *, tables: MetaData | None = None, authority: str = "") -> None:
    """Brings a database to the newest schema. Safe to run twice, also at the same time.

    `package`: that of the service, with its migrations. `tables`: those of a service without migrations. `authority`:
    to which the rows belong that the database already has.
    """
    for migrated in filter(None, (BACKBONE, package)):
        config = Config()
        config.set_main_option("script_location", str(files(f"{migrated}.migrations")))
        config.set_main_option("path_separator", "os")
        config.attributes.update(url=url, authority=authority)
        command.upgrade(config, "head")
    if tables is not None:
        asyncio.run(_in_transaction(url, tables.create_all))


def run(metadata: MetaData, *, version_table: str = OWN_VERSION) -> None:
    """For `env.py`."""

    def upgrade(connection: Connection) -> None:
        context.configure(connection=connection, target_metadata=metadata, version_table=version_table)
        with context.begin_transaction():
            context.run_migrations()

    attributes = context.config.attributes
    asyncio.run(_in_transaction(attributes["url"], upgrade, authority=attributes["authority"]))


async def _in_transaction(url: str, change: Callable[[Connection], None], *, authority: str = "") -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            await connection.execute(text("SELECT set_config('wanderamt.authority', :code, true)"), {"code": authority})
            await connection.run_sync(change)
    finally:
        await engine.dispose()
