"""Handlers of requests, lookups, file exchanges and job results."""
