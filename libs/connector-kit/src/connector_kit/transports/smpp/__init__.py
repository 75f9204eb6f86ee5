"""SMPP 3.4: protocol units, one connection, and the bridge on top of it."""
