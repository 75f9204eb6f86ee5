"""Simulated registers and providers, in-memory drivers, and the recording of real answers."""
