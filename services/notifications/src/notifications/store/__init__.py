"""All SQL of notifications. Takes and returns domain values.

Models and `select`; on hot paths statements by hand for asyncpg, in modules named `…_statements`.
"""
