"""All SQL of intake. Functions accept and return domain values.

Modules called `…_statements` hold hand-written SQL, others use the models of `tables`.
"""
