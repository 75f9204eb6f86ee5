"""Durable jobs with keys: the queue in PostgreSQL, the handlers, the runner and failed jobs."""
