"""Library cards: a REST register with an operation of each effect."""
