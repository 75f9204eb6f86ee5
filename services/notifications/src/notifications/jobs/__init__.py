"""Slow work of notifications: calls to providers and to partners. Sees no transaction."""
