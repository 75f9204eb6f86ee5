"""All SQL of scheduling: takes and returns domain values."""
