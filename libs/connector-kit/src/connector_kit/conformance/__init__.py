"""The 22 checks that every bridge must pass."""
