"""Tables and migrations describe the same schema."""

from typing import Any

from scheduling.tables import metadata


async def test_the_migrated_schema_equals_the_tables(make_database: Any, table_drift: Any) -> None:
    assert await table_drift(await make_database("scheduling"), metadata) == []
