"""How a service lives: settings, HTTP, telemetry, start and stop, the command line."""
