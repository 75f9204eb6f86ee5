"""Tables and migrations describe the same schema."""

from notifications.tables import metadata
from wanderamt_testing.databases import MakeDatabase, TableDrift


async def test_the_migrations_create_the_schema_of_the_tables(
    make_database: MakeDatabase, table_drift: TableDrift
) -> None:
    assert await table_drift(await make_database("notifications"), metadata) == []
