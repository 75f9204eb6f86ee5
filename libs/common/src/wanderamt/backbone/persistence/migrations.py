"""Applies a service's Alembic migrations. Each `migrations/env.py` calls `run`.

Only `wanderamt migrate`, `wanderamt run --migrate`, `wanderamt rebuild` and tests import this module: Alembic and
SQLAlchemy are a quarter of a service's import time, and a running service needs neither.
"""

import asyncio
from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

LOCK = 815_4711  # one migration at a time per database


def migrate(url: str, package: str) -> None:
    """Brings the database of the service `package` to its newest schema. Safe to run twice, also at the same time."""
    config = Config()
    config.set_main_option("script_location", str(files(f"{package}.migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    command.upgrade(config, "head")


def run(metadata: MetaData) -> None:
    asyncio.run(_run(context.config.attributes["url"], metadata))


async def _run(url: str, metadata: MetaData) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate, metadata)
            await connection.commit()
    finally:
        await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
