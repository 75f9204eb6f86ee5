"""Handlers of everything that changes intake: entries of devices, decisions of the back office, job results."""
