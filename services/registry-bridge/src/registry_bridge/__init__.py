"""Asks slow registers, so that no other service waits for them."""
