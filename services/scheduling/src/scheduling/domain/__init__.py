"""Pure decisions of scheduling, without I/O."""
