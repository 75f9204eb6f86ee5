"""Breaks the system from a seed and audits its history."""
