"""Twenty checks that a bridge must pass before it is let near a register, without a network and in seconds."""
