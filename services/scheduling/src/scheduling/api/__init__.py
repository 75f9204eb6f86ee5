"""The HTTP API of scheduling: parses requests, calls handlers, renders responses."""
