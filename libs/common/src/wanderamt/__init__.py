"""Shared ground of all Wanderamt services. Knows no service and no business rule."""
