"""All SQL of notifications. Takes and returns domain values."""
