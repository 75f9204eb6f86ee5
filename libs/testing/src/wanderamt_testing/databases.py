"""The databases of one test, and the comparison of a migrated schema with the tables of a service."""

from collections.abc import Awaitable, Callable

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from wanderamt.backbone.persistence.database import Database

MakeDatabase = Callable[[str], Awaitable[str]]
"""`await make_database("intake")` → the URL of a fresh database with that service's schema."""
OpenDatabase = Callable[[str], Awaitable[Database]]
"""`await open_database("scheduling")` → a started Database of that service, fresh and migrated."""
TableDrift = Callable[[str, MetaData], Awaitable[list[str]]]
"""`await table_drift(url, metadata)` → the differences between tables.py and the migrated database of a service."""

BACKBONE_TABLES = {
    *(
        "outbox",
        "relay_heartbeat",
        "inbox",
        "inbox_version",
        "inbox_watermark",
        "dead_letter",
        "audit_record",
        "cut_off",
        "job",
        "used_proof",
        "rate_limit_use",
    ),
    *("alembic_version", "backbone_version"),
}


async def table_drift_of(url: str, metadata: MetaData) -> list[str]:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_drift, metadata)
    finally:
        await engine.dispose()


def _drift(connection: Connection, metadata: MetaData) -> list[str]:
    """What Alembic would generate, and what it does not compare: checks, exclusions, conditions of indexes.

    For the latter the tables are created a second time, in a schema that the end of the transaction removes.
    """
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True, "include_object": _is_of_service}
    )
    generated = [f"alembic: {difference}" for difference in compare_metadata(context, metadata)]
    connection.execute(text("CREATE SCHEMA declared"))
    metadata.create_all(connection.execution_options(schema_translate_map={None: "declared"}))
    migrated, declared = _definitions(connection, "public"), _definitions(connection, "declared")
    missing = [f"not in tables.py: {definition}" for definition in sorted(migrated - declared)]
    return generated + missing + [f"not migrated: {definition}" for definition in sorted(declared - migrated)]


def _is_of_service(_object: object, name: str | None, type_: str, *_: object) -> bool:
    return type_ != "table" or name not in BACKBONE_TABLES


def _definitions(connection: Connection, schema: str) -> set[str]:
    rows = connection.execute(text(_DEFINITIONS), {"schema": schema, "others": sorted(BACKBONE_TABLES)})
    return {f"{table}: {definition.replace(f'{schema}.', '')}" for table, definition in rows}


_DEFINITIONS = """
    WITH own AS (
        SELECT oid, relname FROM pg_class
        WHERE relnamespace = CAST(:schema AS regnamespace) AND relkind = 'r' AND relname <> ALL (:others)
    )
    SELECT relname, concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END,
                              CASE WHEN attidentity <> '' THEN 'IDENTITY' END, pg_get_expr(adbin, adrelid))
    FROM own JOIN pg_attribute ON attrelid = own.oid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT relname, conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
    FROM own JOIN pg_constraint ON conrelid = own.oid WHERE contype <> 'n'
    UNION ALL
    SELECT relname, pg_get_indexdef(indexrelid) FROM own JOIN pg_index ON indrelid = own.oid
"""
