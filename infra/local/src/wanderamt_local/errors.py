"""Errors that the command line shows as one sentence instead of a traceback."""


class UnavailableError(Exception):
    """This machine lacks a requirement; the message names it and a remedy."""


class NotReadyError(Exception):
    """A process did not become ready in time; the message names its log and quotes the end of it."""


class BuildError(Exception):
    """A build failed; the message names the command and quotes the end of its output."""
