"""Durable jobs with keys: the queue in PostgreSQL, the runner, batch handlers and failed jobs."""
