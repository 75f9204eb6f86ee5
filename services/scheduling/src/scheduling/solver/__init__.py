"""Optimisation: searches plans and proves bounds. Needs the extra `solver`.

Invariants: it opens no transaction, and uses the clock only to measure its own time.
"""
