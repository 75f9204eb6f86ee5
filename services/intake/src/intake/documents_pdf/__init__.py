"""Renders and verifies documents in worker processes, because both are CPU-bound. Knows no cases."""
