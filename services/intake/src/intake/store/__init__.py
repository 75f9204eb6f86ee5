"""All SQL of intake: returns and takes domain values. Hot paths are multi-row statements, one per kind and request."""
