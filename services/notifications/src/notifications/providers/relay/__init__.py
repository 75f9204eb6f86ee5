"""A mail server of the city or its provider, over SMTP."""
