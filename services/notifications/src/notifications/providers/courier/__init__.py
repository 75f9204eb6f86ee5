"""A gateway of the old kind: forms in, lines of text out. It forgets our key, but it can be asked for a message."""
