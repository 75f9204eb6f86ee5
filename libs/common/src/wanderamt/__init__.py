"""The library that all Wanderamt services share. It knows no service and no business rule."""
