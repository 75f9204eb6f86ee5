"""What the mail server is asked and answers."""

from notifications.providers.messages import Mail, Taken

__all__ = ["Mail", "Taken"]
