"""Slow work of scheduling, without a transaction."""
