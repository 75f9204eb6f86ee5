"""Sends hostile requests to every route of the running system."""
