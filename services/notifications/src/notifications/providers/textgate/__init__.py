"""An SMS gateway over JSON. Idempotency by key: our reference."""
