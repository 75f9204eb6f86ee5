"""What a bridge to a register is made of. Stands on the kernel alone: it knows no event, no database and no service."""
