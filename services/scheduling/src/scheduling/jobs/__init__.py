"""Slow work of scheduling: it holds no transaction."""
