"""HTTP routes of the registry bridge."""
