"""Every message into notifications: events, how calls ended, receipts, what citizens and partners ask."""

from notifications.handlers.events import HEARD

ON = HEARD
