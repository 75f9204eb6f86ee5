"""Benchmarks of the backbone beside a bare version."""
