"""Demand: as it was served, and as it is to be expected."""
