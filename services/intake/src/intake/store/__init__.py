"""All SQL of intake. Functions accept and return domain values. Hot paths write many rows in one statement."""
