"""Pages for citizens, in their words."""
