"""HTTP routes for staff, providers, citizens and partners."""
