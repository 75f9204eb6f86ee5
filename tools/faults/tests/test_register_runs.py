"""A short register run with fixed seeds; and what it must report when the process of a case is broken."""

SEEDS = range(1, 31)
