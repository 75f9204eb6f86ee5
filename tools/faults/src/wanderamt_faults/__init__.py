"""Injects random faults into the running system from a seed and audits its history."""
