"""Library cards: a REST register with one operation of each idempotency."""
