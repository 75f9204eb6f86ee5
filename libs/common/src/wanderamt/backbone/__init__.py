"""The event backbone: state and events commit together, leave in order, arrive once in effect."""
