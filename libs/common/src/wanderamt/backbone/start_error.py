"""The error of a service that cannot start as it is declared, configured or installed."""


class CannotStartError(Exception):
    """Its message says what is wrong and what to do; whoever starts the service shows it without a traceback."""
