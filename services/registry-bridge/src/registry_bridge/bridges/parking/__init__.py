"""Parking permits: throttled REST with idempotency keys, and one command whose effect cannot be looked up."""
