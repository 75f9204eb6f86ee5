"""The models of the operation `send`: message and acknowledgement."""

from notifications.providers.messages import Accepted, Sms

__all__ = ["Accepted", "Sms"]
