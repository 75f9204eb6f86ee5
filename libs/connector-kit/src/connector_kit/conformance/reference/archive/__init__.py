"""An archive: a register that exchanges files."""
