"""Tables and migrations describe the same database."""

from typing import Any

from notifications.tables import metadata


async def test_the_migrations_make_what_the_tables_say(make_database: Any, table_drift: Any) -> None:
    assert await table_drift(await make_database("notifications"), metadata) == []
