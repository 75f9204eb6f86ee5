"""The twenty checks that every bridge must pass."""
