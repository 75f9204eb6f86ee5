"""What the gateway is asked and answers."""

from notifications.providers.messages import Sms, Taken

__all__ = ["Sms", "Taken"]
