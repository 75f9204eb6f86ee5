"""The edges of a service: HTTP, settings, telemetry, command line."""
