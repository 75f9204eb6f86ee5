"""The mail server of the city or of its provider, over SMTP."""
