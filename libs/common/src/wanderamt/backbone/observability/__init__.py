"""Trace context and spans."""
