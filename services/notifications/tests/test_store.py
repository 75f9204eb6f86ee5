"""Tables and migrations describe the same schema."""

from typing import Any

from notifications.tables import metadata


async def test_the_migrations_create_the_schema_of_the_tables(make_database: Any, table_drift: Any) -> None:
    assert await table_drift(await make_database("notifications"), metadata) == []
