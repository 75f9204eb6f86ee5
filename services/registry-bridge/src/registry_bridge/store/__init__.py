"""All SQL of the registry bridge. Takes and returns domain values.

Models and `select`; on the hot path statements by hand for asyncpg, in `request_statements`.
"""
