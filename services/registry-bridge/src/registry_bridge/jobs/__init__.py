"""Slow work of the registry bridge, outside any transaction."""
