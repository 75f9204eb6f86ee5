"""Parking permits: REST with an idempotency key, throttled, and with one order that nobody can look up."""
