"""What a form may hold: the kinds of facts, and for each kind the rule from a typed value to its canonical value.

Invariants: a rule raises for no JSON value; the canonical value of a canonical value is itself; the field app has the
same rules in TypeScript (apps/field/src/domain/facts), and both are run over tests/cases/fact_cases.json.
"""
