"""Handlers of scheduling. `EVENT_HANDLERS`: the events it consumes."""

from scheduling.handlers.demand import EVENT_HANDLERS

__all__ = ["EVENT_HANDLERS"]
