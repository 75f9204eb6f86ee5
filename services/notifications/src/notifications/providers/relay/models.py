"""The models of the operation `send`: message and acknowledgement."""

from notifications.providers.messages import Accepted, Mail

__all__ = ["Accepted", "Mail"]
