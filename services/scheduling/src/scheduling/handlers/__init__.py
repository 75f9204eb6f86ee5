"""Every message into scheduling. `ON`: what it hears."""

from scheduling.handlers.demand import ON

__all__ = ["ON"]
