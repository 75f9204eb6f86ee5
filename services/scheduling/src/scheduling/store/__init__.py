"""All SQL of scheduling. Functions take and return domain values."""
