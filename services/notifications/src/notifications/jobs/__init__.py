"""Slow work of notifications: calls to providers and partners, outside of any transaction."""
