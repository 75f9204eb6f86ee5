"""Calls and file exchanges of the registry bridge, outside any transaction."""
