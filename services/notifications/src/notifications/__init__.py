"""Tells citizens: once per person, case and status."""
