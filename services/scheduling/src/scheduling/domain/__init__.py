"""Pure decisions of scheduling."""
