"""HTTP in: the field app, the office, and whoever holds a paper."""
