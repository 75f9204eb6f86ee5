"""Command line of scheduling."""
