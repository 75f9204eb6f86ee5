"""All SQL of the registry bridge: returns and takes domain values."""
