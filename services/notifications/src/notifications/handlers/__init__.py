"""Every message into notifications: events, ended calls, delivery receipts, requests of citizens and partners."""

from notifications.handlers.events import CONSUMED_EVENTS, on_events

EVENT_HANDLERS = dict.fromkeys(CONSUMED_EVENTS, on_events)
"""One batch handler for all event types, so that it sees them in one list."""
