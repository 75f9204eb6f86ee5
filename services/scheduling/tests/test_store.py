"""Tables and migrations describe the same schema."""

from scheduling.tables import metadata
from wanderamt_testing.databases import MakeDatabase, TableDrift


async def test_the_migrated_schema_equals_the_tables(make_database: MakeDatabase, table_drift: TableDrift) -> None:
    assert await table_drift(await make_database("scheduling"), metadata) == []
