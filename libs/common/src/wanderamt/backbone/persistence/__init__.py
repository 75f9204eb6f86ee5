"""PostgreSQL: connections, units of work, the outbox, the schema, migrations and housekeeping."""
