"""An archive: a register of files."""
