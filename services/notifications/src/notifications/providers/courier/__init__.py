"""An SMS gateway with an old interface: forms in, lines of text out. Idempotency by look-up of our reference."""
