"""The event backbone: state and events commit together, leave in order, and have their effect once."""
