"""Demand: observed at past stands, and expected at future ones."""
