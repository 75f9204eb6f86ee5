"""Pure decisions of the registry bridge."""
