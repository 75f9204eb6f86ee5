"""Asks slow registers, so that nobody else waits for them."""
