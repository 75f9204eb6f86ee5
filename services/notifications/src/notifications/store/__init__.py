"""All SQL of notifications: returns and takes domain values."""
