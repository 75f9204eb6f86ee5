"""HTTP in: what staff, providers, citizens and partners ask."""
